"""Reps at the sandboxes' pages, in a real browser: what they do by hand is what the vendor's API then says."""

from typing import Any

import httpx2
from playwright.async_api import Page, expect

from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.adapters.sandbox.admin import Act
from tests.browser import PHONE
from tests.waiting import PATIENCE_S


async def test_a_marketer_works_a_contact_by_hand_on_hubspots_page(page: Page) -> None:
    """Finds it, edits a field, logs a call, is refused a wrong address; the API shows what was saved."""
    async with (
        HubSpotSandbox() as portal,
        httpx2.AsyncClient(base_url=portal.base_url, timeout=PATIENCE_S) as http,
    ):
        fields: dict[str, Any] = {"lastname": "山田", "firstname": "太郎", "email": "taro@yamada.example"}
        contact = portal.desk.act(Act(act="create", object="contact", fields=fields)).id
        await page.goto(portal.base_url)
        await page.get_by_label("検索").fill("yamada")
        await page.get_by_role("button", name="検索する").click()
        await page.get_by_role("link", name="山田").click()

        await page.get_by_label("会社", exact=True).fill("株式会社山田製作所")
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_role("status").filter(has_text="保存しました")).to_be_visible()
        await page.get_by_label("結果").select_option(label="Connected")
        await page.get_by_label("メモ").fill("ヒアリング済み")
        await page.get_by_role("button", name="記録する").click()
        await expect(page.get_by_role("heading", name="コール (1)")).to_be_visible()
        await page.get_by_label("メール", exact=True).fill("メールではない")
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_role("alert")).to_contain_text("Email address メールではない is invalid")
        await expect(page.get_by_label("メール", exact=True)).to_have_value("メールではない")

        told = await http.get(
            f"/crm/v3/objects/contacts/{contact}",
            params={"properties": "company,email", "associations": "calls"},
            headers={"authorization": f"Bearer {portal.state.settings.token}"},
        )
        assert told.json()["properties"]["company"] == "株式会社山田製作所"
        assert told.json()["properties"]["email"] == "taro@yamada.example"
        (call,) = portal.state.store.rows["call"].values()
        assert call.values["hs_call_body"] == "ヒアリング済み"
        assert list(call.links["contact"]) == [contact]


async def test_a_rep_works_a_lead_by_hand_on_salesforces_page(page: Page) -> None:
    """Edits, logs a call, is refused, converts; others' changes show by themselves; all with a phone's width."""
    await page.set_viewport_size(PHONE)  # pyright: ignore[reportArgumentType]
    async with SalesforceSandbox() as organisation:
        fields: dict[str, Any] = {"LastName": "山田", "Company": "山田製作所"}
        lead = organisation.desk.act(Act(act="create", object="Lead", fields=fields)).id or ""
        row = organisation.state.tables["Lead"].rows[lead]
        await page.goto(organisation.base_url)
        await page.get_by_role("link", name="山田").press("Enter")

        await page.get_by_label("状況").select_option("Working - Contacted")
        organisation.desk.act(Act(act="update", object="Lead", id=lead, fields={"Title": "部長"}))
        await expect(page.get_by_text("その間に変更されました")).to_be_visible()
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_label("役職")).to_have_value("部長")
        assert (row["Status"], row["Title"]) == ("Working - Contacted", "部長")
        await page.get_by_role("button", name="記録する").click()
        await expect(page.get_by_role("heading", name="ToDo (1)")).to_be_visible()
        await page.get_by_label("従業員数").fill("たくさん")
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_role("alert")).to_contain_text("Salesforce に拒否されました")
        assert row.get("NumberOfEmployees") is None
        await page.reload()
        await page.get_by_role("button", name="取引の開始").click()
        await expect(page.get_by_role("heading", name="商談 (1)")).to_be_visible()

        (task,) = organisation.state.tables["Task"].rows.values()
        assert (task["TaskSubtype"], task["Status"], task["CallDisposition"]) == (
            "Call",
            "Completed",
            "Connected",
        )
        assert row["IsConverted"] is True
        wide = await page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert wide is False


async def test_faults_are_switched_on_a_page(page: Page) -> None:
    """A rate over 1 is refused in words; an outage that is set makes the API fail; all off mends it."""
    async with (
        HubSpotSandbox() as portal,
        httpx2.AsyncClient(base_url=portal.base_url, timeout=PATIENCE_S) as http,
    ):
        await page.goto(f"{portal.base_url}/?faults=1&lang=en")
        rate = page.get_by_label("API requests answered 429")
        await rate.fill("2")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text(
            "too_many_requests: Input should be less than"
        )
        await rate.fill("0")
        await page.get_by_label("outage").select_option("true")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_have_text("Saved.")
        assert (await http.get("/crm/v3/owners")).status_code >= 500
        await page.get_by_role("button", name="All faults off").click()
        await expect(page.get_by_label("outage")).to_have_value("false")
