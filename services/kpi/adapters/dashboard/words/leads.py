"""Words of leads, their clocks and what was told of them."""

from collections.abc import Mapping

LEADS: Mapping[str, tuple[str, str]] = {
    "lead": ("lead", "リード"),
    "policy": ("promise", "SLA"),
    "owner": ("owner", "担当者"),
    "no-owner": ("nobody", "未割当"),
    "waiting": ("Waiting for a first response", "対応待ちのMQL"),
    "waiting.count": ("{count}", "{count}件"),
    "waiting.all": ("all open clocks", "すべて表示"),
    "waiting.none": ("No MQL waits.", "対応待ちのMQLはありません。"),
    "clock.elapsed": ("used up", "経過"),
    "clock.deadline": ("deadline", "期限"),
    "clock.paused": ("paused", "一時停止中"),
    "clock.still": ("out of hours", "営業時間外"),
    "state.not-started": ("not started", "未開始"),
    "state.running": ("running", "進行中"),
    "state.at-risk": ("due soon", "期限間近"),
    "state.paused": ("paused", "一時停止"),
    "state.breached": ("overdue", "期限超過"),
    "state.met": ("met", "達成"),
    "state.met-late": ("met late", "遅れて達成"),
    "state.cancelled": ("cancelled", "取消"),
}
