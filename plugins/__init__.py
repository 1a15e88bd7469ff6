"""The built-in channels and actions, registered through the same hooks as anybody's."""

from __future__ import annotations

from types import ModuleType

from plugins.actions import (
    apprise,
    crm,
    crm_hubspot,
    crm_salesforce,
    dingtalk,
    dingtalk_notice,
    email,
    feishu,
    log,
    sms_aliyun,
    sms_tencent,
)
from plugins.actions import webhook as webhook_actions
from plugins.actions import wecom as wecom_actions
from plugins.channels import (
    email_events,
    folder,
    form,
    forms_cn,
    hubspot,
    jotform,
    linkedin_leads,
    meta_leads,
    segment,
    sms_receipts,
    tally,
    tracking,
    typeform,
    webhook,
    wechat_oa,
    wecom,
)


def builtin() -> dict[str, ModuleType]:
    """Return the built-in plugins by name."""
    return {
        "apprise": apprise,
        "crm": crm,
        "crm_hubspot": crm_hubspot,
        "crm_salesforce": crm_salesforce,
        "dingtalk": dingtalk,
        "dingtalk_notice": dingtalk_notice,
        "email": email,
        "email_events": email_events,
        "feishu": feishu,
        "folder": folder,
        "form": form,
        "forms_cn": forms_cn,
        "hubspot": hubspot,
        "jotform": jotform,
        "linkedin_leads": linkedin_leads,
        "log": log,
        "meta_leads": meta_leads,
        "segment": segment,
        "sms_aliyun": sms_aliyun,
        "sms_receipts": sms_receipts,
        "sms_tencent": sms_tencent,
        "tally": tally,
        "tracking": tracking,
        "typeform": typeform,
        "webhook": webhook,
        "webhook_actions": webhook_actions,
        "wechat_oa": wechat_oa,
        "wecom": wecom,
        "wecom_actions": wecom_actions,
    }
