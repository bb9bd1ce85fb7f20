"""Everything in results/ as one HTML page."""
