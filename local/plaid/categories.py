"""Descriptions to personal finance categories (v2): a table of keyword rules, tried in order; the first hit decides.

A description is lower-cased and every run of characters that are neither letters nor digits becomes one space. A rule
hits when one of its phrases stands in it as whole words; a phrase that ends in `*` matches the beginning of a word.
Nothing else counts: not the sign, not the account, not the currency. No hit: OTHER / OTHER_OTHER.
docs/local-plaid.md prints this table; a test keeps the two alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TAXONOMY: dict[str, list[str]] = json.loads((Path(__file__).parent / "taxonomy.json").read_text("ascii"))
NO_MATCH = "OTHER_OTHER"

RULES: tuple[tuple[str, str], ...] = (
    ("LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "credit card payment, card payment, credit crd autopay, card autopay, cardmember payment, credit card autopay, amex epayment, payment thank you, automatic payment thank, credit card 3333 payment"),
    ("LOAN_PAYMENTS_MORTGAGE_PAYMENT", "mortgage"),
    ("LOAN_PAYMENTS_STUDENT_LOAN_PAYMENT", "student loan*, navient, nelnet, sallie mae"),
    ("LOAN_PAYMENTS_CAR_PAYMENT", "auto loan, car loan, car payment, auto finance"),
    ("LOAN_PAYMENTS_PERSONAL_LOAN_PAYMENT", "loan payment, sba loan, personal loan, upstart loan"),
    ("LOAN_DISBURSEMENTS_OTHER_DISBURSEMENT", "loan disbursement, loan proceeds, loan funding"),
    ("INCOME_TAX_REFUND", "tax refund, irs treas 310"),
    ("INCOME_UNEMPLOYMENT", "unemployment"),
    ("INCOME_RETIREMENT_PENSION", "pension, social security, ssa treas 310"),
    ("INCOME_DIVIDENDS", "dividend*"),
    ("INCOME_INTEREST_EARNED", "interest earned, interest payment, interest paid, intrst pymnt, savings interest"),
    ("INCOME_SALARY", "payroll, salary, direct deposit, direct dep, wages, gusto pay, paycheck"),
    ("INCOME_RENTAL", "rental income"),
    ("INCOME_GIG_ECONOMY", "uber driver, doordash dasher, instacart shopper"),
    ("BANK_FEES_ATM_FEES", "atm fee, atm surcharge"),
    ("BANK_FEES_OVERDRAFT_FEES", "overdraft"),
    ("BANK_FEES_INSUFFICIENT_FUNDS", "insufficient funds, nsf fee, returned item fee"),
    ("BANK_FEES_FOREIGN_TRANSACTION_FEES", "foreign transaction fee, international transaction fee"),
    ("BANK_FEES_LATE_FEES", "late fee, late payment fee"),
    ("BANK_FEES_CASH_ADVANCE", "cash advance fee"),
    ("BANK_FEES_INTEREST_CHARGE", "interest charge*, purchase interest, finance charge"),
    ("BANK_FEES_OTHER_BANK_FEES", "monthly service fee, account fee, maintenance fee, wire fee, tran fee, service charge"),
    ("TRANSFER_OUT_WITHDRAWAL", "atm, atm withdrawal, cash withdrawal, withdrawal"),
    ("TRANSFER_IN_DEPOSIT", "atm deposit, mobile deposit, check deposit, cash deposit, cd deposit"),
    ("TRANSFER_IN_WIRE", "incoming wire, wire in"),
    ("TRANSFER_OUT_WIRE", "outgoing wire, wire out, wire transfer"),
    ("TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS", "vanguard, fidelity, charles schwab, robinhood, brokerage, ira contribution, 401k"),
    ("TRANSFER_IN_SAVINGS", "transfer from savings"),
    ("TRANSFER_OUT_SAVINGS", "transfer to savings, to savings, automatic savings"),
    ("TRANSFER_IN_ACCOUNT_TRANSFER", "transfer from, transfer into, transfer in, from checking"),
    ("TRANSFER_OUT_ACCOUNT_TRANSFER", "transfer to, transfer out, online transfer, transfer, send money, zelle, venmo, cash app, wise com"),
    ("RENT_AND_UTILITIES_RENT", "rent, apartment*, property management, landlord"),
    ("RENT_AND_UTILITIES_INTERNET_AND_CABLE", "comcast, xfinity, spectrum, internet, cable, fiber, broadband"),
    ("RENT_AND_UTILITIES_TELEPHONE", "verizon, t mobile, tmobile, at t, att, vodafone, mobile phone, wireless, telekom, bill payment phone"),
    ("RENT_AND_UTILITIES_GAS_AND_ELECTRICITY", "electric*, pg e, con edison, coned, national grid, duke energy, energy, power company, gas company"),
    ("RENT_AND_UTILITIES_WATER", "water department, water utility, water bill, water works"),
    ("RENT_AND_UTILITIES_SEWAGE_AND_WASTE_MANAGEMENT", "sewage, sewer, waste management, trash, garbage"),
    ("RENT_AND_UTILITIES_OTHER_UTILITIES", "utility, utilities"),
    ("FOOD_AND_DRINK_COFFEE", "starbucks, coffee*, cafe, café, espresso, peet s, dunkin, blue bottle, philz"),
    ("FOOD_AND_DRINK_FAST_FOOD", "mcdonald*, burger king, kfc, taco bell, wendy s, wendys, chipotle, subway, chick fil a, five guys, shake shack, burger*, domino*, in n out"),
    ("FOOD_AND_DRINK_GROCERIES", "grocer*, supermarket, whole foods, wholefds, trader joe*, safeway, kroger, aldi, lidl, publix, tesco, rewe, edeka, carrefour, albert heijn, wegmans, sprouts, farmers market, instacart"),
    ("FOOD_AND_DRINK_BEER_WINE_AND_LIQUOR", "liquor*, wine, winery, brewery, brewing, pub, bar, beer*"),
    ("FOOD_AND_DRINK_VENDING_MACHINES", "vending"),
    ("FOOD_AND_DRINK_RESTAURANT", "restaurant*, ristorante, bistro, diner, pizza*, pizzeria, sushi, ramen, grill, taqueria, thai, trattoria, steakhouse, kitchen, noodle*, eatery, doordash, uber eats, ubereats, grubhub, deliveroo, just eat"),
    ("FOOD_AND_DRINK_OTHER_FOOD_AND_DRINK", "bakery, boulangerie, deli, ice cream, food*, snack*, lunch, dinner, breakfast"),
    ("TRANSPORTATION_TAXIS_AND_RIDE_SHARES", "uber, lyft, taxi*, cab, bolt, ride share, rideshare"),
    ("TRANSPORTATION_GAS", "shell, chevron, exxon*, mobil, bp, arco, texaco, sunoco, gas station, gasoline, fuel, petrol"),
    ("TRANSPORTATION_PARKING", "parking, parkmobile, spothero"),
    ("TRANSPORTATION_PUBLIC_TRANSIT", "mta, bart, caltrain, metro, transit, tfl, railway, train, bus, amtrak, clipper"),
    ("TRANSPORTATION_TOLLS", "toll, tolls, e zpass, ezpass, fastrak"),
    ("TRANSPORTATION_BIKES_AND_SCOOTERS", "bicycle*, bike*, scooter*, citi bike, lime"),
    ("TRAVEL_FLIGHTS", "airline*, airways, american air, delta air, united air, southwest, jetblue, ryanair, easyjet, lufthansa, flight*"),
    ("TRAVEL_LODGING", "hotel*, motel*, hilton, marriott, hyatt, airbnb, hostel, booking com, inn"),
    ("TRAVEL_RENTAL_CARS", "rental car*, car rental, hertz, avis, enterprise rent, sixt"),
    ("TRAVEL_OTHER_TRAVEL", "expedia, travel*, cruise*, tours"),
    ("ENTERTAINMENT_TV_AND_MOVIES", "netflix, hulu, disney plus, hbo, cinema*, movie*, theatre, theater, amc"),
    ("ENTERTAINMENT_MUSIC_AND_AUDIO", "spotify, apple music, audible, soundcloud, concert*, tidal"),
    ("ENTERTAINMENT_VIDEO_GAMES", "steam, playstation, xbox, nintendo, epic games, video game*"),
    ("ENTERTAINMENT_CASINOS_AND_GAMBLING", "casino*, lottery, draftkings, betting"),
    ("ENTERTAINMENT_SPORTING_EVENTS_AMUSEMENT_PARKS_AND_MUSEUMS", "museum*, zoo, aquarium, theme park, stadium, ticketmaster, ballpark"),
    ("ENTERTAINMENT_OTHER_ENTERTAINMENT", "bowling, arcade, entertainment"),
    ("MEDICAL_PHARMACIES_AND_SUPPLEMENTS", "cvs, walgreens, rite aid, pharmac*, drugstore, vitamin*"),
    ("MEDICAL_DENTAL_CARE", "dental, dentist*, orthodont*"),
    ("MEDICAL_EYE_CARE", "optician*, optometr*, eye care, warby parker, lenscrafters"),
    ("MEDICAL_VETERINARY_SERVICES", "veterinar*, vet, animal hospital"),
    ("MEDICAL_NURSING_CARE", "nursing"),
    ("MEDICAL_PRIMARY_CARE", "doctor, physician*, clinic, medical group, hospital, urgent care"),
    ("MEDICAL_OTHER_MEDICAL", "medical, health care, laboratory"),
    ("PERSONAL_CARE_GYMS_AND_FITNESS_CENTERS", "gym, fitness, yoga, pilates, climbing, equinox, crossfit"),
    ("PERSONAL_CARE_HAIR_AND_BEAUTY", "salon, barber*, hair*, beauty, nails, spa, sephora, ulta"),
    ("PERSONAL_CARE_LAUNDRY_AND_DRY_CLEANING", "laundry, laundromat, dry clean*, cleaners"),
    ("PERSONAL_CARE_OTHER_PERSONAL_CARE", "cosmetic*, massage"),
    ("GENERAL_SERVICES_INSURANCE", "insurance, hiscox, geico, allstate, state farm, progressive, united healthcar*, unitedhealth*, lemonade"),
    ("GENERAL_SERVICES_CHILDCARE", "daycare, childcare, kindergarten, nanny, babysit*"),
    ("GENERAL_SERVICES_EDUCATION", "tuition, university, college, school, udemy, coursera, academy"),
    ("GENERAL_SERVICES_POSTAGE_AND_SHIPPING", "usps, ups, fedex, dhl, post office, postage, shipping"),
    ("GENERAL_SERVICES_STORAGE", "self storage, public storage, storage unit"),
    ("GENERAL_SERVICES_AUTOMOTIVE", "car wash, auto repair, jiffy lube, oil change, mechanic, tire*, auto parts, autozone"),
    ("GENERAL_SERVICES_CONSULTING_AND_LEGAL", "law office*, attorney*, lawyer*, consulting, legal*"),
    ("GENERAL_SERVICES_ACCOUNTING_AND_FINANCIAL_PLANNING", "intuit, turbotax, quickbooks, accounting, accountant*, h r block, bookkeep*, gusto"),
    ("GENERAL_SERVICES_OTHER_GENERAL_SERVICES", "amazon web services, aws, google cloud, twilio, typeform, hubspot, calendly, linkedin, github, openai, adobe, dropbox, zoom, slack, notion, subscription, icloud, microsoft, google"),
    ("GOVERNMENT_AND_NON_PROFIT_TAX_PAYMENT", "irs, tax payment, franchise tax, property tax, tax board, taxes"),
    ("GOVERNMENT_AND_NON_PROFIT_DONATIONS", "donation*, charity, red cross, unicef, foundation, church"),
    ("GOVERNMENT_AND_NON_PROFIT_GOVERNMENT_DEPARTMENTS_AND_AGENCIES", "dmv, city of, county of, state of, labor industries, department of, passport"),
    ("HOME_IMPROVEMENT_HARDWARE", "home depot, lowe s, lowes, ace hardware, hardware"),
    ("HOME_IMPROVEMENT_FURNITURE", "ikea, wayfair, furniture, west elm, mattress"),
    ("HOME_IMPROVEMENT_REPAIR_AND_MAINTENANCE", "plumb*, electrician*, roofing, handyman, lawn care, cleaning service"),
    ("HOME_IMPROVEMENT_SECURITY", "adt, simplisafe, security system"),
    ("GENERAL_MERCHANDISE_BOOKSTORES_AND_NEWSSTANDS", "book*, barnes noble, kindle, newspaper, new york times"),
    ("GENERAL_MERCHANDISE_ELECTRONICS", "best buy, apple store, apple com, electronics, sparkfun, micro center, b h photo"),
    ("GENERAL_MERCHANDISE_ONLINE_MARKETPLACES", "amazon*, amzn*, ebay, etsy, aliexpress, zalando"),
    ("GENERAL_MERCHANDISE_SUPERSTORES", "walmart, wal mart, target, costco, sam s club, bj s wholesale"),
    ("GENERAL_MERCHANDISE_DEPARTMENT_STORES", "macy s, macys, nordstrom, kohl s, kohls, bloomingdale*, department store"),
    ("GENERAL_MERCHANDISE_DISCOUNT_STORES", "dollar tree, dollar general, ross, tj maxx, tjmaxx, marshalls"),
    ("GENERAL_MERCHANDISE_CONVENIENCE_STORES", "7 eleven, 7eleven, convenience, circle k, wawa, kiosk"),
    ("GENERAL_MERCHANDISE_CLOTHING_AND_ACCESSORIES", "h m, zara, uniqlo, old navy, gap, levi s, nike, adidas, clothing, shoes, apparel, jewel*"),
    ("GENERAL_MERCHANDISE_SPORTING_GOODS", "rei, decathlon, dick s sporting, sporting goods"),
    ("GENERAL_MERCHANDISE_PET_SUPPLIES", "petco, petsmart, chewy, pet food, pet supplies"),
    ("GENERAL_MERCHANDISE_OFFICE_SUPPLIES", "staples, office depot, office supplies, stationery"),
    ("GENERAL_MERCHANDISE_GIFTS_AND_NOVELTIES", "gift*, florist*, flowers, hallmark, toys"),
    ("GENERAL_MERCHANDISE_TOBACCO_AND_VAPE", "tobacco, vape, smoke shop, cigar*"),
    ("GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE", "store, shop, market, purchase"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Category:
    """A personal finance category as a transaction carries it."""

    primary: str
    detailed: str
    confidence: str

    def as_json(self) -> dict[str, str]:
        return {
            "primary": self.primary,
            "detailed": self.detailed,
            "confidence_level": self.confidence,
            "version": "v2",
        }


def category(detailed: str, confidence: str = "VERY_HIGH") -> Category:
    """The category of a detailed code; raises KeyError for a code outside the taxonomy."""
    return Category(_PRIMARIES[detailed], detailed, confidence)


@lru_cache(maxsize=4096)
def describe(description: str) -> Category:
    """The category that the table gives to a description."""
    words = f" {_plain(description)} "
    for detailed, patterns in _PATTERNS:
        if any(pattern in words for pattern in patterns):
            return category(detailed, "HIGH")
    return category(NO_MATCH, "LOW")


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())


def _pattern(phrase: str) -> str:
    return f" {_plain(phrase)}" if phrase.rstrip().endswith("*") else f" {_plain(phrase)} "


_PRIMARIES = {f"{primary}_{suffix}": primary for primary, suffixes in TAXONOMY.items() for suffix in suffixes}
_PATTERNS = tuple((detailed, tuple(map(_pattern, phrases.split(",")))) for detailed, phrases in RULES)
