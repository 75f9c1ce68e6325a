"""The published language: what is on the topics. Imports nothing of ours."""
