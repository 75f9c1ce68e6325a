// Numbers, durations and instants as people of the page's language write them; instants in the firm's zone.
import { language, locale, t } from "./words.js";

const counts = new Intl.NumberFormat(locale);
const shares = new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });

let zone = "Asia/Tokyo";
let made = {};

/** Take the firm's zone, an IANA name. */
export function setZone(name) {
  if (name !== zone) made = {};
  zone = name;
}

export function zoneName() {
  return zone;
}

function instant(kind, options) {
  made[kind] ??= new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  return made[kind];
}

export const count = (value) => counts.format(value);
export const percent = (value) => shares.format(value);
export const target = (value) => whole.format(value);

/** 2時間30分 / 2 h 30 min; the two largest parts, so that lists line up. */
export function duration(ms) {
  const over = Math.max(0, Math.round(Math.abs(ms) / 1000));
  const parts = [
    ["d", Math.floor(over / 86400)],
    ["h", Math.floor(over / 3600) % 24],
    ["min", Math.floor(over / 60) % 60],
    ["s", over % 60],
  ];
  const first = parts.findIndex(([, amount]) => amount > 0);
  if (first < 0) return unit("s", 0);
  const shown = first === 2 && parts[2][1] >= 10 ? parts.slice(2, 3) : parts.slice(first, first + 2);
  const space = language === "ja" ? "" : " ";
  return shown.filter(([, amount], at) => at === 0 || amount > 0).map(([name, amount]) => unit(name, amount)).join(space);
}

/** A running clock: 2:05:09; days are written apart. */
export function stopwatch(ms) {
  const over = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(over / 3600);
  return `${hours}:${two(Math.floor(over / 60) % 60)}:${two(over % 60)}`;
}

function unit(name, amount) {
  return language === "ja" ? `${counts.format(amount)}${t(`unit.${name}`)}` : `${counts.format(amount)} ${t(`unit.${name}`)}`;
}

/** Money; `short` says large sums as people do: ¥4,055万, ¥40.55M. */
export function money(minor, currency, short = false) {
  const plain = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  const digits = new Intl.NumberFormat(locale, plain).resolvedOptions().maximumFractionDigits;
  const amount = minor / 10 ** digits;
  const compact = short && Math.abs(amount) >= 1_000_000 ? { notation: "compact", maximumSignificantDigits: 4, useGrouping: true } : {};
  return new Intl.NumberFormat(locale, { ...plain, ...compact }).format(amount).replace("￥", "¥");
}

export const day = (at) => instant("day", { month: "numeric", day: "numeric", weekday: "short" }).format(at);
/** A day as a chart's axis has room for it. */
export const short = (at) => instant("short", { month: language === "ja" ? "numeric" : "short", day: "numeric" }).format(at);
export const date = (at) => instant("date", { year: "numeric", month: "numeric", day: "numeric" }).format(at);
export const month = (at) => instant("month", { year: "numeric", month: "short" }).format(at);
export const time = (at) => instant("time", { hour: "2-digit", minute: "2-digit" }).format(at);
export const clock = (at) => instant("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
export const moment = (at) =>
  instant("moment", { month: "numeric", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" }).format(at);

/** The zone as people say it, with its offset: JST, GMT+9. */
export function zoneSaid(at) {
  const part = instant("zone", { timeZoneName: "short" }).formatToParts(at).find((each) => each.type === "timeZoneName");
  return `${zone} (${part.value})`;
}

/** A figure's value by its unit; null stays null: the caller says why there is none. */
export function value(figure, unitOf, short = false) {
  if (figure.value === null) return null;
  if (unitOf === "rate") return percent(figure.value);
  if (unitOf === "duration") return duration(figure.value);
  if (unitOf === "money") return money(figure.value, figure.currency ?? "JPY", short);
  return count(figure.value);
}

/** A difference with its sign; of shares in points. */
export function difference(delta, unitOf, currency) {
  const sign = delta > 0 ? "+" : delta < 0 ? "−" : "±";
  const size = Math.abs(delta);
  if (unitOf === "rate") return `${sign}${(size * 100).toLocaleString(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} ${t("points")}`;
  if (unitOf === "duration") return `${sign}${duration(size)}`;
  if (unitOf === "money") return `${sign}${money(size, currency ?? "JPY")}`;
  return `${sign}${count(size)}`;
}
