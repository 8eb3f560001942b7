"""The documented request of every endpoint that the stand-in serves; a test compares the names with plaid-python."""

from __future__ import annotations

from local.plaid.fields import (
    Shape,
    anything,
    day,
    each,
    flag,
    nested,
    not_emulated,
    number,
    one_of,
    optional,
    redirect,
    required,
    text,
    url,
    whole,
)

COUNTRIES = (
    "US", "GB", "ES", "NL", "FR", "IE", "CA", "DE", "IT", "PL", "DK", "NO", "SE", "EE", "LT", "LV", "PT", "BE", "AT",
    "FI",
)  # fmt: skip
_PRODUCTS = (
    "assets", "auth", "balance", "balance_plus", "beacon", "identity", "identity_match", "investments",
    "investments_auth", "liabilities", "payment_initiation", "identity_verification", "transactions",
    "credit_details", "income", "income_verification", "standing_orders", "transfer", "employment",
    "recurring_transactions", "transactions_refresh", "signal", "statements", "processor_payments",
    "processor_identity", "profile", "cra_base_report", "cra_income_insights", "cra_partner_insights",
    "cra_network_insights", "cra_cashflow_insights", "cra_monitoring", "cra_lend_score", "cra_plaid_credit_score",
    "cra_qualify", "cra_home_lending", "layer", "pay_by_bank", "protect_linked_bank", "protect_transactions",
)  # fmt: skip
REASONS = (
    "FRAUD_FIRST_PARTY", "FRAUD_FALSE_IDENTITY", "FRAUD_ABUSE", "FRAUD_OTHER", "CONNECTION_IS_NON_FUNCTIONAL", "OTHER",
)  # fmt: skip
WEBHOOK_TYPES = (
    "AUTH", "HOLDINGS", "IDENTITY", "INVESTMENTS_TRANSACTIONS", "ITEM", "LIABILITIES", "TRANSACTIONS", "ASSETS",
)  # fmt: skip
WEBHOOK_CODES = (
    "DEFAULT_UPDATE", "NEW_ACCOUNTS_AVAILABLE", "SMS_MICRODEPOSITS_VERIFICATION", "AUTHORIZATION_GRANTED",
    "USER_PERMISSION_REVOKED", "USER_ACCOUNT_REVOKED", "PENDING_DISCONNECT", "RECURRING_TRANSACTIONS_UPDATE",
    "LOGIN_REPAIRED", "SYNC_UPDATES_AVAILABLE", "PRODUCT_READY", "ERROR",
)  # fmt: skip

_word = text(least=1)
_token = required(_word)
_country_list = each(one_of(*COUNTRIES), least=1)
_product_list = each(one_of(*_PRODUCTS))
_days = whole(1, 730)

_USER: Shape = {
    "client_user_id": required(_word),
    **dict.fromkeys(
        ("legal_name", "name", "phone_number", "phone_number_verified_time", "email_address",
         "email_address_verified_time", "ssn", "date_of_birth", "address", "id_number"),
        optional(anything, nullable=True),
    ),
}  # fmt: skip

LINK_TOKEN_CREATE: Shape = {
    "client_name": required(_word),
    "language": required(_word),
    "country_codes": required(_country_list),
    "user": required(nested(_USER)),
    "products": optional(_product_list, nullable=True),
    "webhook": optional(url),
    "access_token": optional(_word, nullable=True),
    "redirect_uri": optional(redirect),
    "transactions": optional(nested({"days_requested": optional(_days)})),
    "update": optional(
        nested(
            {
                "account_selection_enabled": optional(flag),
                "reauthorization_enabled": optional(flag),
                "user": optional(not_emulated),
                "item_ids": optional(not_emulated, nullable=True),
            }
        )
    ),
    **dict.fromkeys(
        ("link_customization_name", "android_package_name", "appearance_mode", "institution_data"),
        optional(anything),
    ),
    **dict.fromkeys(
        ("required_if_supported_products", "optional_products"),
        optional(not_emulated, nullable=True),
    ),
    "additional_consented_products": optional(_product_list, nullable=True),
    "hosted_link": optional(
        nested(
            {
                "delivery_method": optional(not_emulated),
                "completion_redirect_uri": optional(url),
                "url_lifetime_seconds": optional(whole(1, 21 * 86_400)),
                "is_mobile_app": optional(not_emulated),
            }
        )
    ),
    **dict.fromkeys(
        ("user_id", "access_tokens", "card_switch", "account_filters", "eu_config", "institution_id",
         "payment_configuration", "payment_initiation", "employment", "income_verification", "base_report",
         "credit_partner_insights", "cra_options", "cra_report_parameter", "consumer_report_permissible_purpose",
         "auth", "transfer", "identity_verification", "statements", "third_party_user_token", "investments",
         "investments_auth", "cashflow_report", "cra_enabled", "identity", "financekit_supported",
         "enable_multi_item_link", "user_token"),
        optional(not_emulated),
    ),
}  # fmt: skip

LINK_TOKEN_GET: Shape = {"link_token": _token}

SANDBOX_PUBLIC_TOKEN_CREATE: Shape = {
    "institution_id": required(_word),
    "initial_products": required(each(one_of(*_PRODUCTS), least=1)),
    "options": optional(
        nested(
            {
                "webhook": optional(url),
                "override_username": optional(text(), nullable=True),
                "override_password": optional(text(), nullable=True),
                "transactions": optional(
                    nested(
                        {
                            "start_date": optional(not_emulated),
                            "end_date": optional(not_emulated),
                            "days_requested": optional(_days),
                        }
                    )
                ),
                "statements": optional(not_emulated),
                "income_verification": optional(not_emulated),
            }
        )
    ),
    "user_token": optional(not_emulated),
    "user_id": optional(not_emulated),
}

ITEM_PUBLIC_TOKEN_EXCHANGE: Shape = {"public_token": _token}
ACCESS_TOKEN: Shape = {"access_token": _token}
ITEM_REMOVE: Shape = {
    "access_token": _token,
    "reason_code": optional(one_of(*REASONS)),
    "reason_note": optional(text(most=512), nullable=True),
}
ITEM_WEBHOOK_UPDATE: Shape = {"access_token": _token, "webhook": optional(url, nullable=True)}
ACCOUNTS_GET: Shape = {
    "access_token": _token,
    "options": optional(nested({"account_ids": optional(each(_word))})),
}
ACCOUNTS_BALANCE_GET: Shape = {
    "access_token": _token,
    "options": optional(nested({"account_ids": optional(each(_word)), "min_last_updated_datetime": optional(_word)})),
}
INSTITUTIONS_GET_BY_ID: Shape = {
    "institution_id": required(_word),
    "country_codes": required(_country_list),
    "options": optional(
        nested(
            {
                "include_optional_metadata": optional(flag),
                "include_status": optional(not_emulated),
                "include_auth_metadata": optional(not_emulated),
                "include_payment_initiation_metadata": optional(not_emulated),
            }
        )
    ),
}
INSTITUTIONS_GET: Shape = {
    "count": required(whole(1, 500)),
    "offset": required(whole(0)),
    "country_codes": required(_country_list),
    "options": optional(
        nested(
            {
                "products": optional(_product_list, nullable=True),
                "routing_numbers": optional(each(_word), nullable=True),
                "oauth": optional(flag, nullable=True),
                "include_optional_metadata": optional(flag),
                "include_auth_metadata": optional(not_emulated),
                "include_payment_initiation_metadata": optional(not_emulated),
            }
        )
    ),
}
TRANSACTIONS_SYNC: Shape = {
    "access_token": _token,
    "cursor": optional(text(most=256)),
    "count": optional(whole(1, 500)),
    "options": optional(
        nested(
            {
                "include_original_description": optional(flag, nullable=True),
                "include_personal_finance_category": optional(flag),
                "include_logo_and_counterparty_beta": optional(flag),
                "personal_finance_category_version": optional(one_of("v1", "v2")),
                "days_requested": optional(_days),
                "account_id": optional(_word),
            }
        )
    ),
}
TRANSACTIONS_RECURRING_GET: Shape = {
    "access_token": _token,
    "account_ids": optional(each(_word)),
    "options": optional(
        nested(
            {
                "include_personal_finance_category": optional(flag),
                "personal_finance_category_version": optional(one_of("v1", "v2")),
            }
        )
    ),
}
WEBHOOK_VERIFICATION_KEY_GET: Shape = {"key_id": _token}
SANDBOX_ITEM_FIRE_WEBHOOK: Shape = {
    "access_token": _token,
    "webhook_code": required(one_of(*WEBHOOK_CODES)),
    "webhook_type": optional(one_of(*WEBHOOK_TYPES)),
    "options": optional(nested({"new_transactions": optional(whole(0))})),
}
SANDBOX_TRANSACTIONS_CREATE: Shape = {
    "access_token": _token,
    "transactions": required(
        each(
            nested(
                {
                    "date_transacted": required(day),
                    "date_posted": required(day),
                    "amount": required(number),
                    "description": required(text()),
                    "iso_currency_code": optional(text(least=3, most=3)),
                    "account_id": optional(_word),
                }
            ),
            least=1,
            most=10,
        )
    ),
}
