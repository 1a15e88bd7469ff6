"""The routes of what salespeople do: leads handed over, followed up, claimed from pools."""
