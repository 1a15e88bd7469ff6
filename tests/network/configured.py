"""A configuration with every kind of rule, as ops people write it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.network.ruleset import Ruleset
from tests.play import rules

SCORING: Final = """
models:
  default:
    dimensions:
      fit: {label: 公司属性, max: 60, weight: 1.5}
      behavior: {label: 行为属性, min: -20}
      care: {label: 服务}
    rules:
      - {id: industry, label: 目标行业, dimension: fit, when: {lead.industry: [制造业, 金融业]}, points: 10}
      - {id: director, dimension: fit, when: {lead.title_level: {at_least: director}}, points: 20, exclusive: title}
      - {id: manager, dimension: fit, when: {lead.title_level: manager}, points: 10.5, exclusive: title}
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: {field: lead.budget, times: 2}}
      - {id: pricing, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 15, repeat: {at_most: 2, per: 1d}, expires: 90d}
      - {id: long-look, dimension: behavior, event: [page_viewed, video_watched], where: {page: [pricing, solution], duration: {gte: 60}}, when: {lead.city: 上海}, points: 5, repeat: each, decay: {half_life: 30d}}
      - {id: opened-three, dimension: behavior, when: {count: {event: email_opened, within: 30d, gte: 3}}, points: 5}
      - {id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}
      - {id: no-order, dimension: behavior, when: {absent: {event: order_placed, for: 60d}}, points: -5}
      - {id: unpaid, dimension: behavior, when: {absent: {event: order_placed, for: 60d}, lead.city: 上海}, points: -1}
      - {id: asked, dimension: care, event: support_requested, points: 1, repeat: once}
      - {id: twin, dimension: care, when: {lead.city: 北京}, points: 1}
    grades: [{grade: A, from: 80}, {grade: C, from: 0}, {grade: B, from: 60}]
    thresholds: {mql: 50, sql: 80}
  value:
    dimensions: {money: {}}
    rules:
      - {id: spent, dimension: money, when: {sum: {event: order_placed, of: amount, gte: 1000}}, points: 30}
      - {id: twin, dimension: money, when: {last: {event: order_placed, lt: 30d}}, points: 1}
      - {id: old, dimension: money, when: {lead.birthday: {older_than: 30d}, time: {between: ["09:00", "18:00"]}}, points: 1}
      - {id: often, dimension: money, when: {any: [{absent: {event: any, for: 7d}}, {count: {event: [email_sent, sms_sent], within: 7d, gte: 2}}, {not: {absent: {event: any, for: 7d}}}]}, points: 1}
"""
LIFECYCLE: Final = """
stages:
  - {id: fresh, label: 新线索}
  - {id: mql, label: 营销合格, from: [fresh], when: {score.total: {rises_to: 50}}}
  - {id: qualified, from: [fresh, mql], when: {lead.amount: {gte: 500}, lead.city: {exists: true}}}
  - {id: contacted, from: [fresh, mql], event: call_logged, where: {outcome: 接通}, when: {lead.city: 上海}}
  - {id: won, label: 赢单, from: [fresh, mql, qualified, contacted], event: contract_signed}
  - {id: lost, from: [fresh, mql, qualified, contacted], requires: [reason]}
"""
ROUTING: Final = """
teams:
  east:
    label: 华东区销售
    members:
      - {id: chen.jing, name: 陈静, cities: [上海]}
rules:
  - {id: shanghai, when: {lead.city: 上海}, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
sla:
  - {id: hot, when: {grade: A}, accept: 1h, first_contact: 24h, pause: {when: {lead.city: 苏州}}}
  - {id: twin, accept: 4h}
pools:
  public:
    label: 公海池
    recycle:
      - {id: cold, when: {grade: C, absent: {event: email_opened, for: 9d}}, idle: 15 working_days, calendar: cn}
      - {id: forgotten, idle: 60d}
      - {id: closed-line, when: {lead.industry: 停产产品线}}
"""
JOURNEYS: Final = """
journeys:
  - id: welcome
    label: 欢迎
    enter: {event: form_submitted, where: {form: 试用}, when: {stage: fresh}}
    exit: {when: {stage: [won, lost], lead.city: {exists: true}}}
    goal: {event: order_placed, where: {amount: {gte: 100}}}
    steps:
      - {id: hello, send: welcome}
      - {id: opened, wait: {event: email_opened, of: hello, within: 24h}, then: choose, else: later}
      - id: choose
        branch:
          - {when: {lead.city: 上海}, next: later}
          - {when: {lead.amount: {gt: 5}}, next: hello2}
          - {next: later}
      - {id: hello2, send: welcome, next: end}
      - {id: later, wait: {until: 3d, since: enter}}
      - {id: chat, wait: {event: page_viewed, where: {page: pricing}, within: 1d}, then: end, else: end}
  - id: warm
    enter: {when: {grade: A}}
    exit: {event: unsubscribed, where: {topic: marketing}}
    goal: {when: {score.total: {gte: 120}, absent: {event: chat_started, for: 3d}}}
    steps: [{id: hello, send: welcome}]
  - id: plain
    priority: 5
    enter: {event: support_requested}
    steps: [{id: hello, send: welcome}]
"""


def configured(folder: Path) -> Ruleset:
    """Compile all of it."""
    return rules(folder, scoring=SCORING, lifecycle=LIFECYCLE, routing=ROUTING, journeys=JOURNEYS)
