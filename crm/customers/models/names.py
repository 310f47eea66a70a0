"""What the values of a customer's enums are called; one home, translated where they are shown."""

from typing import Final

from crm.core.messages import N_
from crm.customers.models.customer import (
    Channel,
    CustomerKind,
    PurchasingPower,
    Sex,
    Stage,
)
from crm.customers.models.opportunities import OpportunityStage

STAGES: Final[dict[Stage, str]] = {
    Stage.PROSPECT: N_("Prospect"),
    Stage.INTERESTED: N_("Interested"),
    Stage.NEW: N_("New customer"),
    Stage.REGULAR: N_("Regular customer"),
    Stage.LOYAL: N_("Loyal customer"),
    Stage.DORMANT: N_("Dormant"),
    Stage.LOST: N_("Lost customer"),
}
KINDS: Final[dict[CustomerKind, str]] = {
    CustomerKind.PERSON: N_("Person"),
    CustomerKind.COMPANY: N_("Company"),
}
CHANNELS: Final[dict[Channel, str]] = {
    Channel.PHONE: N_("Call"),
    Channel.WECHAT: N_("WeChat"),
    Channel.VISIT: N_("Visit"),
    Channel.EMAIL: N_("E-mail"),
    Channel.SMS: N_("Text message"),
}
SEXES: Final[dict[Sex, str]] = {
    Sex.FEMALE: N_("Female"),
    Sex.MALE: N_("Male"),
    Sex.OTHER: N_("Other"),
}
POWERS: Final[dict[PurchasingPower, str]] = {
    PurchasingPower.LOW: N_("Low"),
    PurchasingPower.MEDIUM: N_("Medium"),
    PurchasingPower.HIGH: N_("High"),
}
OPPORTUNITY_STAGES: Final[dict[OpportunityStage, str]] = {
    OpportunityStage.CONTACT: N_("First contact"),
    OpportunityStage.NEEDS: N_("Needs known"),
    OpportunityStage.QUOTE: N_("Quoted"),
    OpportunityStage.NEGOTIATION: N_("Negotiating"),
    OpportunityStage.WON: N_("Won"),
    OpportunityStage.LOST: N_("Lost"),
}
