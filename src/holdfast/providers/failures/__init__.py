"""How failures get their right names: evidence is read from what came, a table of rules names it. Pure."""
