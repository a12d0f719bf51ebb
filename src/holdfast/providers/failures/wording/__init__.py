"""Wording that servers share: rules of phrases, by what they mean. Who says so first is in each rule's source."""
