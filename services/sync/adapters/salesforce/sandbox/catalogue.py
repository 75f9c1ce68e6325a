"""The objects of the sandbox as a fresh organisation has them, with the custom fields that tasuki asks for."""

from collections.abc import Mapping

from services.sync.adapters.salesforce.sandbox.fields import (
    Field,
    ObjectType,
    Schema,
    address,
    computed,
    of,
    person_name,
    pick,
    sobject,
    text,
)

LEAD_STATUS = (
    "Open - Not Contacted|Working - Contacted|Qualified|Nurturing|Recycled|Unqualified|"
    "Closed - Converted|Closed - Not Converted"
)
STAGES: Mapping[str, tuple[bool, bool, int]] = {
    "Prospecting": (False, False, 10),
    "Meeting Scheduled": (False, False, 10),
    "Qualification": (False, False, 10),
    "Discovery": (False, False, 20),
    "Needs Analysis": (False, False, 20),
    "Value Proposition": (False, False, 50),
    "Id. Decision Makers": (False, False, 60),
    "Perception Analysis": (False, False, 70),
    "Proposal/Price Quote": (False, False, 75),
    "Negotiation/Review": (False, False, 90),
    "Closed Won": (True, True, 100),
    "Closed Lost": (True, False, 0),
}
"""Stage → closed, won, probability."""

CLOSED_TASK_STATUSES = frozenset({"Completed", "完了"})
"""Of the statuses that an organisation may have, those that close a task."""
_SOURCES = "Web|Phone Inquiry|Partner Referral|Purchased List|Other"
_INDUSTRIES = "Agriculture|Banking|Construction|Consulting|Education|Finance|Healthcare|Manufacturing|Retail|Technology|Other"


def external_id() -> Field:
    """Return the custom field for our id, as the manual tells an administrator to make it."""
    return text("Tasuki_Id__c", "Tasuki ID", "襷ID", 64, external_id=True, unique=True)


def _custom_of_persons() -> tuple[Field, ...]:
    return (
        external_id(),
        of("double", "Tasuki_Score__c", "Tasuki Score", "襷スコア"),
        of("textarea", "Tasuki_Score_Reasons__c", "Tasuki Score Reasons", "襷スコアの理由", length=4000),
        text("Tasuki_Stage__c", "Tasuki Stage", "襷到達点"),
        of("datetime", "Tasuki_Mql_At__c", "Tasuki MQL At", "襷MQL日時"),
        of("double", "Tasuki_Cycle__c", "Tasuki Cycle", "襷サイクル"),
    )


def _contactable() -> tuple[Field, ...]:
    return (
        of("email", "Email", "Email", "メール", length=80),
        of("phone", "Phone", "Phone", "電話", length=40),
        of("phone", "MobilePhone", "Mobile", "携帯", length=40),
        text("Title", "Title", "役職", 128),
        pick("LeadSource", "Lead Source", "リードソース", _SOURCES),
        of("boolean", "HasOptedOutOfEmail", "Email Opt Out", "メール送信除外", default=False),
        of("boolean", "DoNotCall", "Do Not Call", "電話禁止", default=False),
        of("textarea", "Description", "Description", "説明", length=32000),
        of("reference", "OwnerId", "Owner ID", "所有者"),
    )


def _lead() -> ObjectType:
    return sobject(
        "Lead",
        "00Q",
        "Leads",
        "リード",
        *person_name(),
        text("Company", "Company", "会社名", 255, required=True),
        *_contactable(),
        *address(),
        of("url", "Website", "Website", "Webサイト"),
        pick("Status", "Status", "状況", LEAD_STATUS, restricted=True, default="Open - Not Contacted"),
        pick("Rating", "Rating", "評価", "Hot|Warm|Cold"),
        pick("Industry", "Industry", "業種", _INDUSTRIES),
        of("currency", "AnnualRevenue", "Annual Revenue", "年間売上"),
        of("int", "NumberOfEmployees", "Employees", "従業員数"),
        computed(of("boolean", "IsConverted", "Converted", "取引開始済み", default=False)),
        computed(of("date", "ConvertedDate", "Converted Date", "取引開始日")),
        computed(of("reference", "ConvertedAccountId", "Converted Account", "取引開始先取引先")),
        computed(of("reference", "ConvertedContactId", "Converted Contact", "取引開始先責任者")),
        computed(of("reference", "ConvertedOpportunityId", "Converted Opportunity", "取引開始先商談")),
        *_custom_of_persons(),
        merges=True,
        shown="LastName FirstName Company Email Phone Status LeadSource OwnerId Tasuki_Score__c",
    )


def _contact() -> ObjectType:
    return sobject(
        "Contact",
        "003",
        "Contacts",
        "取引先責任者",
        *person_name(),
        of("reference", "AccountId", "Account ID", "取引先"),
        *_contactable(),
        *address("Mailing"),
        text("Department", "Department", "部署", 80),
        *_custom_of_persons(),
        merges=True,
        shown="LastName FirstName Email Phone Title AccountId OwnerId Tasuki_Score__c",
    )


def _account() -> ObjectType:
    return sobject(
        "Account",
        "001",
        "Accounts",
        "取引先",
        text("Name", "Account Name", "取引先名", 255, required=True),
        of("phone", "Phone", "Phone", "電話", length=40),
        of("url", "Website", "Website", "Webサイト"),
        pick("Industry", "Industry", "業種", _INDUSTRIES),
        of("currency", "AnnualRevenue", "Annual Revenue", "年間売上"),
        of("int", "NumberOfEmployees", "Employees", "従業員数"),
        *address("Billing"),
        of("reference", "OwnerId", "Owner ID", "所有者"),
        merges=True,
        shown="Name Phone Industry OwnerId",
    )


def _opportunity() -> ObjectType:
    return sobject(
        "Opportunity",
        "006",
        "Opportunities",
        "商談",
        text("Name", "Name", "商談名", 120, required=True),
        of("reference", "AccountId", "Account ID", "取引先"),
        of("reference", "ContactId", "Contact ID", "取引先責任者", updateable=False),
        pick("StageName", "Stage", "フェーズ", "|".join(STAGES), restricted=True, required=True),
        of("currency", "Amount", "Amount", "金額"),
        of("percent", "Probability", "Probability (%)", "確度 (%)"),
        of("date", "CloseDate", "Close Date", "完了予定日", required=True),
        pick("Type", "Type", "種別", "New Business|Existing Business"),
        pick("LeadSource", "Lead Source", "リードソース", _SOURCES),
        of("textarea", "Description", "Description", "説明", length=32000),
        computed(of("boolean", "IsClosed", "Closed", "完了フラグ", default=False)),
        computed(of("boolean", "IsWon", "Won", "成立フラグ", default=False)),
        computed(of("boolean", "HasOpportunityLineItem", "Has Line Item", "品目あり", default=False)),
        of("reference", "OwnerId", "Owner ID", "所有者"),
        external_id(),
        text("Loss_Reason__c", "Loss Reason", "失注理由"),
        shown="Name StageName Amount CloseDate Loss_Reason__c AccountId ContactId OwnerId",
    )


def _task() -> ObjectType:
    return sobject(
        "Task",
        "00T",
        "Tasks",
        "ToDo",
        of("reference", "WhoId", "Name ID", "名前"),
        of("reference", "WhatId", "Related To ID", "関連先"),
        text("Subject", "Subject", "件名"),
        of("date", "ActivityDate", "Due Date Only", "期日"),
        pick(
            "Status",
            "Status",
            "状況",
            "Not Started|In Progress|Completed|Waiting on someone else|Deferred",
            restricted=True,
            default="Not Started",
        ),
        pick("Priority", "Priority", "優先度", "High|Normal|Low", restricted=True, default="Normal"),
        of("reference", "OwnerId", "Assigned To ID", "任命先"),
        of("textarea", "Description", "Description", "コメント", length=32000),
        computed(of("boolean", "IsClosed", "Closed", "完了フラグ", default=False)),
        computed(of("datetime", "CompletedDateTime", "Completed Date/Time", "完了日時")),
        pick("TaskSubtype", "Task Subtype", "ToDo種別", "Task|Email|Call|ListEmail|Cadence", default="Task"),
        pick("CallType", "Call Type", "コール種別", "Internal|Inbound|Outbound"),
        text("CallDisposition", "Call Result", "コール結果"),
        of("int", "CallDurationInSeconds", "Call Duration", "コール時間"),
        external_id(),
        shown="Subject Status Priority ActivityDate TaskSubtype CallDisposition WhoId OwnerId",
    )


def _event() -> ObjectType:
    return sobject(
        "Event",
        "00U",
        "Events",
        "行動",
        of("reference", "WhoId", "Name ID", "名前"),
        of("reference", "WhatId", "Related To ID", "関連先"),
        text("Subject", "Subject", "件名"),
        of("datetime", "StartDateTime", "Start Date Time", "開始", required=True),
        of("datetime", "EndDateTime", "End Date Time", "終了"),
        of("int", "DurationInMinutes", "Duration", "所要時間"),
        text("Location", "Location", "場所"),
        of("textarea", "Description", "Description", "説明", length=32000),
        of("reference", "OwnerId", "Assigned To ID", "任命先"),
        external_id(),
        shown="Subject StartDateTime EndDateTime WhoId WhatId OwnerId",
    )


def _user() -> ObjectType:
    return sobject(
        "User",
        "005",
        "Users",
        "ユーザー",
        *person_name(),
        text("Username", "Username", "ユーザー名", 80, unique=True),
        of("email", "Email", "Email", "メール", length=128, required=True),
        of("boolean", "IsActive", "Active", "有効", default=True),
        shown="LastName FirstName Email IsActive",
    )


def _stage() -> ObjectType:
    return sobject(
        "OpportunityStage",
        "01J",
        "Opportunity Stages",
        "商談フェーズ",
        text("MasterLabel", "Label", "表示ラベル"),
        text("ApiName", "API Name", "API参照名"),
        of("boolean", "IsActive", "Active", "有効", default=True),
        of("int", "SortOrder", "Sort Order", "並び順"),
        of("boolean", "IsClosed", "Closed", "完了フラグ", default=False),
        of("boolean", "IsWon", "Won", "成立フラグ", default=False),
        of("percent", "DefaultProbability", "Probability", "確度"),
    )


def _task_status() -> ObjectType:
    return sobject(
        "TaskStatus",
        "01T",
        "Task Status Values",
        "ToDo状況",
        text("MasterLabel", "Master Label", "マスタ表示ラベル"),
        of("int", "SortOrder", "Sort Order", "並び順"),
        of("boolean", "IsClosed", "Closed", "完了フラグ", default=False),
        of("boolean", "IsDefault", "Default", "デフォルト", default=False),
    )


def _role() -> ObjectType:
    return sobject(
        "OpportunityContactRole",
        "00K",
        "Opportunity Contact Roles",
        "取引先責任者の役割",
        of("reference", "OpportunityId", "Opportunity ID", "商談", required=True),
        of("reference", "ContactId", "Contact ID", "取引先責任者", required=True),
        text("Role", "Role", "役割"),
        of("boolean", "IsPrimary", "Primary", "主責任者", default=False),
    )


def schema(extra: Mapping[str, tuple[Field, ...]] | None = None) -> Schema:
    """Return the organisation's objects; *extra* adds fields to them, or replaces fields, by object."""
    shown = [_lead(), _contact(), _opportunity(), _task(), _event(), _account(), _user()]
    objects = [*shown, _stage(), _role(), _task_status()]
    more = extra or {}
    return Schema.of({each.name: each.with_fields(more.get(each.name, ())) for each in objects})
