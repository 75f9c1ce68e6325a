"""The words that people and firms of the demo are made of; all of them are made up, at addresses that don't exist."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Firm:
    """A firm: its name, its domain under .example, its industry and how many work there; `ja` says its language."""

    name: str
    domain: str
    industry: str
    employees: int
    ja: bool = True


FIRMS = (
    Firm("ひだまり精機株式会社", "hidamari-seiki", "製造業", 820),
    Firm("かざぐるま製作所", "kazaguruma", "製造業", 140),
    Firm("つきのわ電子工業", "tsukinowa", "製造業", 2_400),
    Firm("株式会社そらまめシステムズ", "soramame-sys", "情報通信", 360),
    Firm("こもれびソフト株式会社", "komorebi-soft", "IT", 75),
    Firm("みずうみ物流株式会社", "mizuumi-log", "物流", 1_100),
    Firm("しおかぜフーズ", "shiokaze-foods", "食品", 450),
    Firm("あさぎり建設株式会社", "asagiri-kensetsu", "建設", 290),
    Firm("株式会社まつぼっくり", "matsubokkuri", "小売業", 60),
    Firm("ほたる医療サービス", "hotaru-care", "医療", 510),
    Firm("やまびこ不動産", "yamabiko-estate", "不動産", 35),
    Firm("株式会社たんぽぽ出版", "tanpopo-books", "出版", 120),
    Firm("Quillback Robotics", "quillback", "Manufacturing", 640, ja=False),
    Firm("Marrowfield Valves Ltd", "marrowfield", "Manufacturing", 210, ja=False),
    Firm("Tinderbox Analytics", "tinderbox-analytics", "Technology", 330, ja=False),
    Firm("Nimblefern Software", "nimblefern", "Technology", 48, ja=False),
    Firm("Oldwick Freight", "oldwick-freight", "Logistics", 900, ja=False),
    Firm("Pebbleton Stores", "pebbleton", "Retail", 1_500, ja=False),
)

FAMILY_JA: Mapping[str, str] = {
    "青木": "aoki",
    "石井": "ishii",
    "上田": "ueda",
    "遠藤": "endo",
    "大野": "ono",
    "岡本": "okamoto",
    "小川": "ogawa",
    "川口": "kawaguchi",
    "木下": "kinoshita",
    "工藤": "kudo",
    "坂本": "sakamoto",
    "高木": "takagi",
    "中川": "nakagawa",
    "野口": "noguchi",
    "藤井": "fujii",
    "松尾": "matsuo",
    "村上": "murakami",
    "森田": "morita",
    "横山": "yokoyama",
    "和田": "wada",
}
GIVEN_JA: Mapping[str, str] = {
    "葵": "aoi",
    "彩": "aya",
    "恵": "megumi",
    "健太": "kenta",
    "浩二": "koji",
    "桜": "sakura",
    "慎一": "shinichi",
    "拓也": "takuya",
    "千尋": "chihiro",
    "直樹": "naoki",
    "陽菜": "hina",
    "誠": "makoto",
    "真由": "mayu",
    "美穂": "miho",
    "祐介": "yusuke",
    "亮": "ryo",
}
FAMILY_EN = (
    "Abbot",
    "Bracken",
    "Calloway",
    "Dunmore",
    "Ellery",
    "Farrow",
    "Gannet",
    "Hollis",
    "Larkin",
    "Wren",
)
GIVEN_EN = (
    "Ada",
    "Bryn",
    "Cora",
    "Dale",
    "Edith",
    "Flynn",
    "Greta",
    "Hugh",
    "Iris",
    "Jonah",
    "Maud",
    "Tobias",
)

DECIDES_JA = ("部長", "営業本部長", "取締役", "執行役員", "代表取締役")
DECIDES_EN = ("Director of Sales", "VP Operations", "Head of IT", "Chief Digital Officer")
WORKS_JA = ("課長", "係長", "主任", "担当", "リーダー")
WORKS_EN = ("Team Lead", "Manager", "Analyst", "Coordinator", "Buyer")
LEARNS_JA, LEARNS_EN = "学生", "Student"

SOURCES = ("Web検索", "展示会", "ウェビナー", "広告", "紹介")
TARGET_LIST = "ターゲットリスト"
"""A source that makes a lead BDR, by the configuration that the demo starts from."""

LOSSES = (
    "予算が付かない",
    "他社に決定",
    "時期尚早",
    "担当者の異動",
    "No budget this year",
    "Went with another vendor",
)
CALLS = ("Connected", "Left Voicemail", "Hearing completed")
