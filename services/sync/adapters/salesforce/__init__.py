"""Salesforce: Lead, Contact, Account, Opportunity, Task, Event; Change Data Capture over the Pub/Sub API."""
