"""HubSpot: contacts and engagements, webhooks v3."""
