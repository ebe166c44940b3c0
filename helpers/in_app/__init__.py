"""Help and questions inside a product: contacts and their load, deflection, reach, praise by speed, and the worth."""

from helpers.in_app.study import Choices, study_in_app
