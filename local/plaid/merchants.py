"""Merchants that the generated histories and the default purchases are made of.

Each has the text that a bank would print; the table of keywords gives that text the category that stands here (a test
holds the two together). Amounts are drawn in cents between the two bounds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Merchant:
    """A place where money is spent: what the bank prints, what Plaid calls it, and what a visit costs in cents."""

    name: str
    description: str
    detailed: str
    low: int
    high: int
    channel: str = "in store"

    def amount(self, dice: random.Random) -> Decimal:
        return Decimal(dice.randint(self.low, self.high)).scaleb(-2)


COFFEE = (
    Merchant("Blue Bottle Coffee", "BLUE BOTTLE COFFEE #114", "FOOD_AND_DRINK_COFFEE", 425, 1150),
    Merchant("Corner Espresso", "SQ *CORNER ESPRESSO", "FOOD_AND_DRINK_COFFEE", 350, 900),
    Merchant("Starbucks", "STARBUCKS STORE 05532", "FOOD_AND_DRINK_COFFEE", 445, 1295),
)
LUNCH = (
    Merchant("Chipotle", "CHIPOTLE 2194", "FOOD_AND_DRINK_FAST_FOOD", 1095, 1890),
    Merchant("Green Leaf Deli", "TST* GREEN LEAF DELI", "FOOD_AND_DRINK_OTHER_FOOD_AND_DRINK", 890, 1750),
    Merchant("Ramen Nagi", "RAMEN NAGI MARKET ST", "FOOD_AND_DRINK_RESTAURANT", 1650, 3200),
)
DINNER = (
    Merchant("Trattoria Volta", "TRATTORIA VOLTA", "FOOD_AND_DRINK_RESTAURANT", 3850, 11400),
    Merchant("Golden Lotus Thai", "TST* GOLDEN LOTUS THAI", "FOOD_AND_DRINK_RESTAURANT", 2700, 6800),
    Merchant("DoorDash", "DOORDASH*DINNER", "FOOD_AND_DRINK_RESTAURANT", 2250, 5600, "online"),
    Merchant("Harbor Brewing", "HARBOR BREWING CO", "FOOD_AND_DRINK_BEER_WINE_AND_LIQUOR", 1400, 5200),
)
GROCERIES = (
    Merchant("Trader Joe's", "TRADER JOE'S #236", "FOOD_AND_DRINK_GROCERIES", 3420, 10850),
    Merchant("Whole Foods", "WHOLEFDS MKT 10294", "FOOD_AND_DRINK_GROCERIES", 4100, 14600),
    Merchant("Safeway", "SAFEWAY #1490", "FOOD_AND_DRINK_GROCERIES", 2800, 9900),
)
RIDES = (
    Merchant("Lyft", "LYFT *RIDE SUN 7PM", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES", 980, 3800, "online"),
    Merchant("Uber", "UBER TRIP HELP.UBER.COM", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES", 1090, 4200, "online"),
    Merchant("Clipper", "CLIPPER TRANSIT FARE", "TRANSPORTATION_PUBLIC_TRANSIT", 1000, 4000, "online"),
)
FUEL = (
    Merchant("Shell", "SHELL OIL 57444212", "TRANSPORTATION_GAS", 3600, 7200),
    Merchant("Chevron", "CHEVRON 0093812", "TRANSPORTATION_GAS", 3900, 7600),
)
SHOPPING = (
    Merchant("Amazon", "AMZN MKTP US*2K4TR1", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES", 899, 12900, "online"),
    Merchant("Target", "TARGET T-1407", "GENERAL_MERCHANDISE_SUPERSTORES", 1450, 13200),
    Merchant("Uniqlo", "UNIQLO UNION SQUARE", "GENERAL_MERCHANDISE_CLOTHING_AND_ACCESSORIES", 2490, 14900),
    Merchant("Green Apple Books", "GREEN APPLE BOOKS", "GENERAL_MERCHANDISE_BOOKSTORES_AND_NEWSSTANDS", 1195, 5400),
    Merchant("Best Buy", "BEST BUY 00002345", "GENERAL_MERCHANDISE_ELECTRONICS", 2999, 39900),
    Merchant("IKEA", "IKEA EAST BAY", "HOME_IMPROVEMENT_FURNITURE", 1999, 32900),
    Merchant("Ace Hardware", "ACE HARDWARE 14", "HOME_IMPROVEMENT_HARDWARE", 699, 8400),
)
CARE = (
    Merchant("Walgreens", "WALGREENS #3383", "MEDICAL_PHARMACIES_AND_SUPPLEMENTS", 640, 4900),
    Merchant("Bright Dental", "BRIGHT DENTAL GROUP", "MEDICAL_DENTAL_CARE", 4500, 24000),
    Merchant("Barber & Sons", "SQ *BARBER & SONS", "PERSONAL_CARE_HAIR_AND_BEAUTY", 3200, 6500),
)
FUN = (
    Merchant("Kabuki Cinema", "KABUKI CINEMA 8", "ENTERTAINMENT_TV_AND_MOVIES", 1450, 4200),
    Merchant(
        "City Museum",
        "CITY MUSEUM TICKETS",
        "ENTERTAINMENT_SPORTING_EVENTS_AMUSEMENT_PARKS_AND_MUSEUMS",
        1800,
        5600,
        "online",
    ),
)
TRIPS = (
    Merchant("United Airlines", "UNITED AIRLINES 0162", "TRAVEL_FLIGHTS", 14800, 52000, "online"),
    Merchant("Harbor Hotel", "HARBOR HOTEL PORTLAND", "TRAVEL_LODGING", 16900, 48000),
)
EVERYDAY = (*COFFEE, *LUNCH, *DINNER, *GROCERIES, *RIDES, *SHOPPING, *CARE, *FUN)
EVERYTHING = (*EVERYDAY, *FUEL, *TRIPS)
