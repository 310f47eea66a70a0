"""What a segment's rule may ask about contacts: when, on which channel, how often, what forbids."""

from sqlalchemy import func

from crm.core.messages import N_
from crm.customers.models import Channel, Customer
from crm.customers.segment_fields import Kind, Related, RelatedField, SegmentField, has_row
from crm.outreach.models import LedgerEntry, LedgerState, Suppression

CONTACTS = N_("Contacts")
#: What took place, as far as anybody knows; what is reserved or failed is no contact.
TOOK_PLACE = (LedgerState.SENT, LedgerState.UNCERTAIN)
LAST = {
    Channel.PHONE: N_("Last call"),
    Channel.WECHAT: N_("Last WeChat contact"),
    Channel.VISIT: N_("Last visit"),
    Channel.EMAIL: N_("Last e-mail"),
    Channel.SMS: N_("Last text message"),
}

_TOOK_PLACE = LedgerEntry.state.in_(TOOK_PLACE)
_MARKED = has_row(Suppression.subject_id, Suppression.cleared_at.is_(None), of=Customer.subject_id)

#: All of them are about the person: customers who share an address share contacts and marks.
FIELDS = (
    *(
        RelatedField(
            name=f"last_{channel.value}",
            label=label,
            kind=Kind.DATE,
            related=Related(
                key=LedgerEntry.subject_id,
                mine=Customer.subject_id,
                where=(_TOOK_PLACE, LedgerEntry.channel == channel),
                at=LedgerEntry.at,
            ),
            may_be_empty=True,
            group=CONTACTS,
        )
        for channel, label in LAST.items()
    ),
    RelatedField(
        name="contacts_in_days",
        label=N_("Contacts by us lately"),
        kind=Kind.COUNT_IN_DAYS,
        related=Related(
            key=LedgerEntry.subject_id,
            mine=Customer.subject_id,
            where=(_TOOK_PLACE, ~LedgerEntry.is_inbound),
            at=LedgerEntry.at,
            measure=func.count(LedgerEntry.id),
        ),
        group=CONTACTS,
    ),
    SegmentField(
        name="do_not_contact",
        label=N_("Must not be contacted"),
        kind=Kind.FLAG,
        column=_MARKED,
        group=CONTACTS,
    ),
)
