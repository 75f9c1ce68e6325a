"""What the demo says, in Japanese and English."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.cli.demo.board import Phase
from services.cli.stage.language import Language
from services.sync.domain.rules import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language. Texts with braces are filled by `str.format`."""

    starting: str
    about: str
    phases: Mapping[Phase, str]
    milestones: Mapping[Milestone, str]
    lost_service: str
    handoffs: str
    no_handoff: str
    latency: str
    latency_short: str
    sending: str
    traffic: str
    waiting: str
    errors: str
    dead_letters: str
    drift: str
    decisions: str
    mqls: str
    overdue: str
    alerts: str
    kills: str
    columns: tuple[str, str, str, str, str, str, str]
    page: str
    api: str
    dashboard: str
    receiver: str
    follow_lead: str
    how_to_end: str
    how_to_end_twice: str
    line: str
    settling_line: str
    log_tail: str
    kept: str
    equal: str
    not_equal: str
    wrong_figures: str
    recounted: str
    no_recount: str
    left_out: str
    rows: Mapping[str, str]


_JA = Texts(
    starting="起動しています:模擬HubSpot、模擬Salesforce、組み込みストア、tasuki 本体(数秒)…",
    about="架空のリードが暮らし、営業が対応します。tasuki は両システムを同じに保ち、MQLになった瞬間に引き渡します。",
    phases={
        Phase.LIVING: "稼働中",
        Phase.SETTLING: "停止中:処理待ちがなくなるのを待っています",
        Phase.JUDGING: "両システムを項目ごとに照合しています",
    },
    milestones={
        Milestone.LEAD: "リード",
        Milestone.MQL: "MQL",
        Milestone.FIRST_RESPONSE: "MQL対応",
        Milestone.SQL: "SQL",
        Milestone.APPOINTMENT: "アポ",
        Milestone.OPPORTUNITY: "商談",
        Milestone.EFFECTIVE_OPPORTUNITY: "有効商談",
        Milestone.WON: "受注",
        Milestone.LOST: "失注",
    },
    lost_service="tasuki が応答しません(再起動中)",
    handoffs="MQLの引き渡し {count} 件",
    no_handoff="まだありません。スコアが {threshold} 点に届いたリードがここに出ます。",
    latency="中央値 {p50} ms・99% {p99} ms(Webhook受付 → Salesforceに登録。模擬Salesforceの変更履歴で計測)",
    latency_short="中央値 {p50} ms・99% {p99} ms",
    sending="うち送信開始まで 中央値 {p50:.0f} ms・99% {p99:.0f} ms(tasuki の指標 tasuki_handoff_seconds)",
    traffic="人の操作 {acts:.0f}/秒 → tasuki の書込 {writes:.0f}/秒",
    waiting="処理待ち {count}",
    errors="エラー {count}",
    dead_letters="デッドレター {count}",
    drift="ズレ {count}(直近 {looked_at} 人を照合)",
    decisions="判定 {count}(うち衝突 {conflicts})",
    mqls="MQL {count}",
    overdue="期限超過中 {count}",
    alerts="届いたアラート {count}",
    kills="強制終了 {count} 回",
    columns=("時刻", "リード", "会社", "点", "理由", "担当", "ms"),
    page="{vendor}(模擬)の画面",
    api="tasuki のAPI",
    dashboard="ダッシュボード",
    receiver="届いたアラート",
    follow_lead="1人の経過を見る(別の端末で)",
    how_to_end="Ctrl-C で終了し、両システムを照合します",
    how_to_end_twice="もう一度 Ctrl-C を押すと、照合せずにすぐ終わります",
    line="{seconds:>4.0f}秒  {funnel}  |  引き渡し {handoffs} {latency}  |  待ち {waiting}  エラー {errors}  デッドレター {dead}  ズレ {drift}  |  期限超過中 {overdue}  届いたアラート {alerts}",
    settling_line="終了します:処理待ち {waiting} 件がなくなるのを待っています",
    log_tail="tasuki のログの最後:",
    kept="このデモのファイルは {path} に残しました",
    equal="両システムは一致し、失われたものはありません",
    not_equal="一致していません",
    wrong_figures="両システムは一致していますが、KPIまたはアラートが合っていません",
    recounted="{figures} 件の数値、相違 {differences}",
    no_recount="数え直していません: {reason}",
    left_out="SLA達成率は数え直していません: {name}: {reason}",
    rows={
        "leads": "リード(tasuki が把握 / 実際)",
        "pairs": "両システムにいる人",
        "fields": "照合した項目",
        "differences": "相違",
        "mqls": "MQLになるべき人が、なっている",
        "opt_outs": "配信停止が守られている",
        "handoffs": "MQLの引き渡し(Webhook受付 → Salesforceに登録:中央値 / 99%)",
        "decisions": "判定(うち衝突)",
        "dead_letters": "デッドレター",
        "recount": "KPIの数え直し",
        "alerts": "アラート(送出 / 到着 / 重複)",
        "alerts_again": "強制終了後に再送されたアラート",
        "refused": "断られた人の操作",
        "kills": "強制終了",
        "lost": "失われたもの",
    },
)
_EN = Texts(
    starting="starting: a HubSpot sandbox, a Salesforce sandbox, the embedded store, tasuki itself (a few seconds) …",
    about=(
        "Made-up leads live their lives, sales works them. tasuki keeps both systems the same and hands a lead"
        " over the moment it becomes an MQL."
    ),
    phases={
        Phase.LIVING: "running",
        Phase.SETTLING: "stopping: waiting until nothing is under way",
        Phase.JUDGING: "comparing both systems field by field",
    },
    milestones={
        Milestone.LEAD: "leads",
        Milestone.MQL: "MQL",
        Milestone.FIRST_RESPONSE: "responded",
        Milestone.SQL: "SQL",
        Milestone.APPOINTMENT: "appointment",
        Milestone.OPPORTUNITY: "opportunity",
        Milestone.EFFECTIVE_OPPORTUNITY: "effective",
        Milestone.WON: "won",
        Milestone.LOST: "lost",
    },
    lost_service="tasuki doesn't answer (restarting)",
    handoffs="{count} MQLs handed over",
    no_handoff="None yet. A lead appears here when its score reaches {threshold}.",
    latency="p50 {p50} ms, p99 {p99} ms (webhook accepted → stands in Salesforce; by the sandbox's change feed)",
    latency_short="p50 {p50} ms, p99 {p99} ms",
    sending="of that until the request leaves: p50 {p50:.0f} ms, p99 {p99:.0f} ms (tasuki's metric tasuki_handoff_seconds)",
    traffic="people act {acts:.0f}/s → tasuki writes {writes:.0f}/s",
    waiting="waiting {count}",
    errors="errors {count}",
    dead_letters="dead letters {count}",
    drift="drift {count} (last {looked_at} people compared)",
    decisions="decisions {count} (conflicts {conflicts})",
    mqls="MQLs {count}",
    overdue="overdue now {count}",
    alerts="alerts arrived {count}",
    kills="killed {count} times",
    columns=("time", "lead", "firm", "score", "reasons", "owner", "ms"),
    page="{vendor} sandbox, to click",
    api="tasuki's API",
    dashboard="Dashboard",
    receiver="Alerts that arrived",
    follow_lead="Follow one lead (in another terminal)",
    how_to_end="Ctrl-C stops it and compares both systems",
    how_to_end_twice="another Ctrl-C ends at once, without comparing",
    line="{seconds:>4.0f} s  {funnel}  |  handoffs {handoffs} {latency}  |  waiting {waiting}  errors {errors}  dead letters {dead}  drift {drift}  |  overdue now {overdue}  alerts arrived {alerts}",
    settling_line="stopping: waiting until nothing is under way ({waiting} now)",
    log_tail="the end of tasuki's log:",
    kept="The files of this demo are kept in {path}",
    equal="both systems are equal and nothing is lost",
    not_equal="NOT equal",
    wrong_figures="both systems are equal, but KPIs or alerts are NOT right",
    recounted="{figures} figures, {differences} differences",
    no_recount="not recounted: {reason}",
    left_out="SLA attainment isn't recounted: {name}: {reason}",
    rows={
        "leads": "leads (tasuki knows / lived)",
        "pairs": "people in both systems",
        "fields": "fields compared",
        "differences": "differences",
        "mqls": "became an MQL, of those who must have",
        "opt_outs": "opt-outs kept",
        "handoffs": "MQLs handed over (webhook accepted → stands in Salesforce: p50 / p99)",
        "decisions": "decisions (conflicts)",
        "dead_letters": "dead letters",
        "recount": "KPI recount",
        "alerts": "alerts (told / arrived / doubled)",
        "alerts_again": "alerts sent again after a kill",
        "refused": "people's acts refused",
        "kills": "kills",
        "lost": "lost",
    },
)
TEXTS: Mapping[Language, Texts] = {"ja": _JA, "en": _EN}


def language_of(environ: Mapping[str, str]) -> Language:
    """Return the language of the terminal: Japanese where the locale says so, English otherwise."""
    named = next((environ[each] for each in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(each)), "")
    return "ja" if named.lower().startswith("ja") else "en"
