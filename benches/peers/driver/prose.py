"""What docs/performance.md says around the tables."""

NOTES = ""
PROSE = """# Performance

{calls}

{processor}

{latency}

{opens}

{sse}

{memory}

{events}

{tools}

{starting}

{stores}

{absences}
"""
