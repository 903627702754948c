"""Payments, cancels and billing keys as the API shows them: https://docs.tosspayments.com/reference#payment-객체."""

from datetime import datetime
from typing import Any

from simulator.clock import KST
from simulator.toss.model import BillingKey, Cancel, Merchant, Method, Payment

VERSION = "2022-11-16"
_CARD = {
    "issuerCode": "61",
    "acquirerCode": "31",
    "number": "43301234****123*",
    "cardType": "신용",
    "ownerType": "개인",
}


def kst(moment: float | None) -> str | None:
    """A moment as Toss writes it, such as 2024-02-13T12:18:14+09:00. None stays None."""
    return None if moment is None else datetime.fromtimestamp(moment, KST).isoformat(timespec="seconds")


def payment_view(merchant: Merchant, payment: Payment, now: float) -> dict[str, Any]:
    """A payment with all its fields. Amounts without tax follow the balance, as cancels change them."""
    vat = round(payment.balance / 11)
    is_confirmed = payment.approved is not None or payment.secret is not None
    receipt = f"https://dashboard.tosspayments.com/receipt/redirection?transactionId={payment.payment_key}&ref=PX"
    return {
        "mId": merchant.m_id,
        "lastTransactionKey": payment.transaction_key,
        "paymentKey": payment.payment_key,
        "orderId": payment.order_id,
        "orderName": payment.order_name,
        "taxExemptionAmount": 0,
        "status": payment.status,
        "requestedAt": kst(payment.requested),
        "approvedAt": kst(payment.approved),
        "useEscrow": False,
        "cultureExpense": False,
        "card": _card_view(payment) if payment.method is Method.CARD else None,
        "virtualAccount": _account_view(payment, now) if payment.account_number else None,
        "transfer": None,
        "mobilePhone": None,
        "giftCertificate": None,
        "cashReceipt": None,
        "cashReceipts": None,
        "discount": None,
        "cancels": [cancel_view(cancel) for cancel in payment.cancels] or None,
        "secret": payment.secret,
        "type": payment.kind,
        "easyPay": None,
        "country": "KR",
        "failure": {"code": payment.failure[0], "message": payment.failure[1]} if payment.failure else None,
        "isPartialCancelable": True,
        "receipt": {"url": receipt} if is_confirmed else None,
        "checkout": {"url": f"https://api.tosspayments.com/v1/payments/{payment.payment_key}/checkout"},
        "currency": "KRW",
        "totalAmount": payment.total,
        "balanceAmount": payment.balance,
        "suppliedAmount": payment.balance - vat,
        "vat": vat,
        "taxFreeAmount": 0,
        "metadata": None,
        "method": payment.method.label,
        "version": VERSION,
    }


def cancel_view(cancel: Cancel) -> dict[str, Any]:
    """A cancel, within its payment and in a webhook."""
    return {
        "transactionKey": cancel.transaction_key,
        "cancelReason": cancel.reason,
        "taxExemptionAmount": 0,
        "canceledAt": kst(cancel.at),
        "transferDiscountAmount": 0,
        "easyPayDiscountAmount": 0,
        "receiptKey": None,
        "cancelAmount": cancel.amount,
        "taxFreeAmount": 0,
        "refundableAmount": cancel.refundable,
        "cancelStatus": cancel.status,
        "cancelRequestId": None,
    }


def billing_view(merchant: Merchant, billing: BillingKey) -> dict[str, Any]:
    """A billing key, at the one moment when it is shown."""
    return {
        "mId": merchant.m_id,
        "customerKey": billing.customer_key,
        "authenticatedAt": kst(billing.issued),
        "method": Method.CARD.label,
        "billingKey": billing.billing_key,
        "card": _CARD,
        "cardCompany": "현대",
        "cardNumber": _CARD["number"],
        "transfer": None,
    }


def _card_view(payment: Payment) -> dict[str, Any]:
    return {
        **_CARD,
        "amount": payment.total,
        "installmentPlanMonths": 0,
        "approveNo": "00000000" if payment.approved is not None else None,
        "useCardPoint": False,
        "acquireStatus": "READY",
        "isInterestFree": False,
        "interestPayer": None,
    }


def _account_view(payment: Payment, now: float) -> dict[str, Any]:
    return {
        "accountNumber": payment.account_number,
        "accountType": "일반",
        "bankCode": "20",
        "customerName": "김고객",
        "depositorName": payment.depositor,
        "dueDate": kst(payment.due),
        "expired": payment.approved is None and now > (payment.due or now),
        "settlementStatus": "INCOMPLETED",
        "refundStatus": "COMPLETED" if payment.cancels and payment.charged else "NONE",
        "refundReceiveAccount": None,
    }
