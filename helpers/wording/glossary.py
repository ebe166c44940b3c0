"""The words of the field that a report may use, each in one plain sentence."""

GLOSSARY = {
    "Difference": "Treatment minus control; for shares in percentage points.",
    "Confidence interval": "The differences that fit the data; a 95 % one misses the truth in 1 of 20 studies.",
    "p": "How often chance alone gives a difference at least this large when there is none.",
    "Intention to treat (ITT)": "Everybody counts in the group they were assigned to, whatever they then did.",
    "Compliers": "Those who take the offer up when they get it and not otherwise.",
    "Naive contrast": "Users against non-users: it mixes the effect with who chooses to use.",
    "Relative lift": "The difference divided by the control value.",
    "Pairs (ordered scores)": "Of all pairs of a treated and a control unit: how often either is higher.",
    "90th percentile": "The value that nine units of ten do not exceed; other percentiles likewise.",
    "Rate": "A count divided by the time in which it could happen.",
    "Competing event": "One after which the event can no longer happen.",
    "Posterior": "What is believed about the effect after the data, starting from the prior.",
    "Expected loss": "What choosing this arm gives away on average, if the other one is better.",
    "Effective clusters": "How many clusters of equal size would know as much.",
    "Worthwhile": "The smallest difference that would change a decision, set before the data was seen.",
    "Guardrail": "A metric that must not worsen by more than its margin.",
    "Sample ratio mismatch (SRM)": "Group sizes the planned split would hardly ever give: faulty assignment.",
    "Always-valid interval": "An interval that stays honest however often one looks.",
    "Withheld": "A validity check failed, so no effect is shown.",
}
