"""Text of one cell: trimmed, null where it is blank, and cast without an error where the engine can."""

import ibis

MISSING = ("na", "n/a", "#n/a", "null", "none", "nan")


def trim(value):
    """Return text without the spaces and tabs around it; only cells with any are touched, as all would take long."""
    return (value.contains(" ") | value.contains("\t")).ifelse(value.strip(), value)


def filled(value):
    """Return text without the spaces around it, and null where nothing is left."""
    return trim(value).nullif("")


def try_cast(text, wanted):
    """Cast and give null on failure where the engine can; elsewhere the pattern has let only good values pass."""
    can = text.get_backend().has_operation(ibis.expr.operations.TryCast)
    return text.try_cast(wanted) if can else text.cast(wanted)
