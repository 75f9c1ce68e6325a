import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.WindowStore;

/** Kafka Streams counts the events of each lead and window, by the events' own times, on one thread. */
public final class WindowedCount {
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The clock and this process's processor time since the first event, without what lies in pauses. */
  private static final class Lap {
    private long nanos = System.nanoTime();
    private long cpu = SYSTEM.getProcessCpuTime();
    private long took;
    private long used;

    void stopClock() {
      took += System.nanoTime() - nanos;
    }

    void stopCpu() {
      used += SYSTEM.getProcessCpuTime() - cpu;
    }

    void goOn() {
      nanos = System.nanoTime();
      cpu = SYSTEM.getProcessCpuTime();
    }
  }

  private static volatile Lap lap;
  private static long seen;

  public static void main(String[] arguments) throws InterruptedException {
    String topic = arguments[1];
    long expected = Long.parseLong(arguments[3]);
    Duration window = Duration.ofMillis(Long.parseLong(arguments[4]));
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put("auto.offset.reset", "earliest");

    CountDownLatch read = new CountDownLatch(1);
    StreamsBuilder builder = new StreamsBuilder();
    Serde<JsonNode> json = Serdes.serdeFrom((name, node) -> bytes(node), (name, bytes) -> node(bytes));
    builder.stream(
            topic,
            Consumed.with(Serdes.String(), json)
                .withTimestampExtractor((record, before) -> happenedAt((JsonNode) record.value())))
        .peek((key, value) -> noted(expected, read))
        .groupByKey(Grouped.with(Serdes.String(), json))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(window))
        .count(
            Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                .withRetention(Duration.ofDays(400)));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setUncaughtExceptionHandler(
        failure -> {
          failure.printStackTrace();
          System.exit(1);
          return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
    streams.start();
    read.await();
    lap.stopClock();
    Thread.sleep(1_000); // the last event is counted, and commits go on
    lap.stopCpu();
    long[] found = found(streams);
    lap.goOn();
    streams.close();
    lap.stopClock();
    lap.stopCpu();
    System.out.printf(
        "{\"counted\": %d, \"windows\": %d, \"seconds\": %.6f, \"cpu_s\": %.6f}%n",
        found[0], found[1], lap.took / 1e9, lap.used / 1e9);
  }

  private static void noted(long expected, CountDownLatch read) {
    if (seen++ == 0) {
      lap = new Lap();
    }
    if (seen == expected) {
      read.countDown();
    }
  }

  /** Returns the sum of all counts, and how many there are. */
  private static long[] found(KafkaStreams streams) {
    long sum = 0;
    long windows = 0;
    try (var all =
        streams
            .store(StoreQueryParameters.fromNameAndType("counts", QueryableStoreTypes.<String, Long>windowStore()))
            .all()) {
      while (all.hasNext()) {
        sum += all.next().value;
        windows++;
      }
    }
    return new long[] {sum, windows};
  }

  private static long happenedAt(JsonNode event) {
    JsonNode data = event.get("data");
    JsonNode reached = data.get("reached_at");
    return (reached == null ? data.get("at") : reached).asLong();
  }

  private static JsonNode node(byte[] bytes) {
    try {
      return bytes == null ? null : JSON.readTree(bytes);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private static byte[] bytes(JsonNode node) {
    try {
      return JSON.writeValueAsBytes(node);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
