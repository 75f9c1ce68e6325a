"""Checks of how the two systems are reached, and which secrets that needs."""

from services.configuration.connections import connection_secrets
from services.configuration.document import Document
from services.sync.settings.draft import Draft
from services.sync.settings.vendors import SalesforceSection

_SHARED_LOGINS = ("https://login.salesforce.com", "https://test.salesforce.com")


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with the connections of *draft*."""
    if draft.sfa:
        _check_salesforce(document, draft.sfa)


def needed_secrets(document: Document) -> list[str]:
    """Return the environment variables that the choices in *document* call for, also in a broken section."""
    needed: list[str] = []
    if "ma" in document.data:
        needed.append("TASUKI_HUBSPOT_CLIENT_SECRET")
        oauth = ("TASUKI_HUBSPOT_CLIENT_ID", "TASUKI_HUBSPOT_REFRESH_TOKEN")
        needed += oauth if document.value("ma", "auth") == "oauth" else ("TASUKI_HUBSPOT_TOKEN",)
    if "sfa" in document.data:
        needed.append("TASUKI_SALESFORCE_CLIENT_ID")
        key = "PRIVATE_KEY_FILE" if document.value("sfa", "auth") == "jwt" else "CLIENT_SECRET"
        needed.append(f"TASUKI_SALESFORCE_{key}")
    return needed + connection_secrets(document)


def _check_salesforce(document: Document, sfa: SalesforceSection) -> None:
    if sfa.auth == "jwt" and sfa.username is None:
        mend = 'add the integration user\'s name: username = "tasuki@yourfirm.example"'
        document.report(("sfa", "username"), 'is missing: auth = "jwt" signs in as that user', mend)
    if sfa.auth == "client-credentials":
        if sfa.login_url in _SHARED_LOGINS:
            # Source: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
            mend = 'give your My Domain address: "https://yourfirm.my.salesforce.com"'
            document.report(("sfa", "login_url"), "doesn't take client credentials", mend)
        if sfa.audience is not None:
            document.report(("sfa", "audience"), "has no effect with client credentials", "take it out")
