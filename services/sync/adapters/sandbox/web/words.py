"""What stands on the sandbox's pages, in English and Japanese."""

from collections.abc import Mapping

from starlette.requests import Request

from services.sync.adapters.sandbox.desk import Column, View

_WORDS: Mapping[str, tuple[str, str]] = {
    "sandbox": ("{name} sandbox", "{name} サンドボックス"),
    "note": (
        "A stand-in for the real service. What you do here counts as done by a user of {name}.",
        "本物の代わりに動く模擬環境です。ここでの操作は {name} の利用者の操作として扱われます。",
    ),
    "skip": ("To the records", "本文へ"),
    "objects": ("Objects", "オブジェクト"),
    "faults": ("Faults", "障害"),
    "search": ("Search", "検索"),
    "find": ("Find", "検索する"),
    "found": ("Only records with “{text}” are shown.", "「{text}」を含むものだけを表示しています。"),
    "all": ("Show all", "すべて表示"),
    "new": ("New record", "新規作成"),
    "new_of": ("New: {label}", "新規作成:{label}"),
    "empty": ("Nothing here yet.", "まだありません。"),
    "none_found": ("Nothing found.", "見つかりませんでした。"),
    "newest": ("Newest", "最新へ"),
    "next": ("Older", "以前へ"),
    "save": ("Save", "保存"),
    "create": ("Create", "作成"),
    "delete": ("Delete", "削除"),
    "restore": ("Restore", "復元"),
    "cancel": ("Cancel", "キャンセル"),
    "archived": ("deleted", "削除済み"),
    "gone": ("This record is deleted.", "このレコードは削除されています。"),
    "missing": (
        "There is no such record; it may have been merged or erased.",
        "このレコードはありません。マージまたは消去された可能性があります。",
    ),
    "done": ("Saved.", "保存しました。"),
    "refused": ("{name} refused this: {error}", "{name} に拒否されました:{error}"),
    "stale": (
        "This record was changed meanwhile. Fields that you leave alone keep the new values.",
        "このレコードはその間に変更されました。触れていない項目には新しい値が残ります。",
    ),
    "fields": ("Fields", "項目"),
    "required": ("required", "必須"),
    "blank": ("(none)", "(なし)"),
    "read_only": ("Read only", "参照のみ"),
    "call": ("Log a call", "架電を記録"),
    "outcome": ("Outcome", "結果"),
    "memo": ("Note", "メモ"),
    "log": ("Log call", "記録する"),
    "related": ("Related", "関連"),
    "no_related": ("Nothing is related yet.", "関連するレコードはまだありません。"),
    "true": ("yes", "はい"),
    "false": ("no", "いいえ"),
    "fault_note": (
        "Shares from 0 to 1 of what goes wrong from now on, for programs only: your own clicks always work.",
        "これ以降に起こす障害の割合(0〜1)です。プログラムにだけ影響し、画面での操作には影響しません。",
    ),
    "calm": ("All faults off", "すべて解除"),
    "bad_value": ("{field}: {problem}", "{field}:{problem}"),
    "now": ("The sandbox's clock: {now} UTC", "サンドボックスの時計:{now} UTC"),
    "time_hint": ("UTC, e.g. 2026-11-22T09:30:00Z", "UTC、例:2026-11-22T09:30:00Z"),
}


class Words:
    """The words of one language, ``en`` or ``ja``, for the sandbox of the vendor *name*."""

    def __init__(self, language: str, name: str) -> None:
        self.language = language
        self._name = name

    def __call__(self, word: str, **more: str) -> str:
        """Return the text of *word* with *more* put in."""
        return _WORDS[word][self.language == "ja"].format(name=self._name, **more)

    def label(self, of: View | Column) -> str:
        """Return what an object or a field is called."""
        return of.label_ja if self.language == "ja" else of.label

    def option(self, column: Column, value: str) -> str:
        """Return what people read for *value* of *column*."""
        if value in {"true", "false"} and column.options == ("true", "false"):
            return self(value)
        return column.option_labels.get(value, value)


def language_of(request: Request) -> str:
    """Return the language that the address names, or else the browser."""
    asked = request.query_params.get("lang")
    if asked in {"en", "ja"}:
        return str(asked)
    return "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"
