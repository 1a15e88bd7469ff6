"""The engine's reasons in Chinese. It gives them in English, as logs and the API have them."""

from __future__ import annotations

import re
from typing import Final

# What a reason may begin with; what stands behind it is a reason itself.
_LED: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"the lead stays where it is: ", ""),
        (r"at (.+?) it was not entered: ", r"\1 没有进入："),
        (r"its address bounced: ", "地址退信："),
        (r"SLA (\S+): ", r"时限规则 \1："),
        (r"recycle (\S+): ", r"收回规则 \1："),
    )
)
# In the order in which they are tried; what none of them knows stays as it is.
_CHINESE: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"condition does not hold", "条件不成立"),
        (r"nobody in (\S+) is free for it", r"\1 没有合适且空闲的人"),
        (r"assigned to ([^\s,]+)(.*)", r"分配给 \1\2"),
        (r"pool (\S+)", r"进入公海 \1"),
        (r"(\S+) has the lead and keeps it", r"已归 \1，保持不变"),
        (r"no rule before found an owner", "前面的规则都没有找到负责人"),
        (r"no rule has sent this lead to routing yet", "还没有规则把它送去分配"),
        (r"claimed from pool (\S+)", r"从公海 \1 领取"),
        (r"away", "休假中"),
        (r"off shift until (.+)", r"\1 前不在班"),
        (r"full: (\d+) of (\d+) leads", r"已满：在手 \1 条，上限 \2 条"),
        (r"had (\d+) of (\d+) leads today", r"今天已分到 \1 条，每日上限 \2 条"),
        (r"not (\S+)", r"只分给 \1"),
        (r"excluded by (\S+)", r"被规则 \1 排除"),
        (r"has none of the skills (.+)", r"不具备技能：\1"),
        (r"is not (.+)", r"级别不是 \1"),
        (r"speaks none of (.+)", r"不会这些语言：\1"),
        (r"territory does not cover (.+)", r"负责区域不含 \1"),
        (r"nobody is named who claims", "没有指明谁来领取"),
        (r"nobody has the lead", "线索没有负责人"),
        (r"(\S+) has the lead", r"已归 \1"),
        (r"(\S+) has it already", r"已在 \1 名下"),
        (r"the lead is in no pool", "线索不在公海"),
        (r"the lead is at its end: (\S+)", r"线索已结束（\1）"),
        (
            r"(\S+) is in none of the teams.* that claim from pool (\S+)",
            r"\1 所在团队不能从公海 \2 领取",
        ),
        (r"(\S+) is full: (\d+) of (\d+) leads", r"\1 已满：在手 \2 条，上限 \3 条"),
        (r"(\S+) has claimed (\d+) of (\d+) leads today", r"\1 今天已领取 \2 / \3 条"),
        (r"the lead is new in pool (\S+)", r"刚进入公海 \1，还在保护期"),
        (r"(\S+) had the lead before", r"\1 是前任负责人，暂不能再领"),
        (r"consent to (\S+) is withdrawn", r"已撤回对 \1 的授权"),
        (r"consent to (\S+) was not given", r"没有对 \1 的授权"),
        (r"the lead has no owner to tell", "线索没有负责人，没有人可通知"),
        (r"the salesperson '(.+)' has no e-mail address in routing.yaml", r"\1 没有邮箱"),
        (r"the lead has no (\S+)", r"线索没有 \1"),
        (r"hard", "地址无效"),
        (r"soft, (\d+) times", r"暂时退信 \1 次"),
        (r"complained about (\S+)", r"投诉过 \1"),
        (r"stale: its moment was (.+)", r"已过时：本应在 \1 发出"),
        (r"stale: (.+)", r"已过时：\1"),
        (r"frequency: (.+)", r"超过频次上限：\1"),
        (r"quiet hours until (.+)", r"免打扰时段，\1 送出"),
        (r"in the digest of (.+)", r"汇入 \1 的每日汇总"),
        (r"nobody to notify or no connection notify", "没有要通知的人，或没有名为 notify 的连接"),
        (r"a password has at least (\d+) characters", r"密码至少 \1 个字符"),
        (r"a password has at most (\d+) characters", r"密码最多 \1 个字符"),
        (r"this password is among the first that are guessed", "这个密码太常见，容易被猜到"),
        (r"there is an account '(.+)' already", r"账号 \1 已存在"),
        (r"'(.+)' is no name: .+", r"账号名 \1 只能用文字、数字和 . _ @ + -，最多 80 个字符"),
        (r"the role sales, and no other, has a member", "只有销售角色要选成员，也必须选"),
        (r"nobody takes their own rights away", "不能取消自己的权限"),
        (r"let another administrator do it", "请另一位管理员来做"),
        (
            r"the first account closes this server, so it must have the role admin",
            "建了第一个账号后本机也要登录，所以它必须是管理员",
        ),
        # Why a person's deed is not done to a lead.
        (r"(\S+) requires a reason", r"改到阶段 \1 要写原因"),
        (r"the lead is already in stage (.+)", r"已经在阶段 \1"),
        (r"(\S+) is entered from (.+), not (\S+)", r"阶段 \1 只能从 \2 进入，线索现在在 \3"),
        (r"(\S+) is final", r"阶段 \1 已是终点"),
        (r"there is no stage (\S+)", r"没有阶段 \1"),
        (r"there is no grade (\S+)", r"没有等级 \1"),
        (r'"to" must be a stage of lifecycle.yaml', "请选择新阶段"),
        (r'say "owner", or "pool", one of them', "请选择负责人或公海，二选一"),
        (r'say why: "reason" is a text that others will read', "请写原因"),
        (r'a to-do needs a "title"', "请写要做什么"),
        (
            r'"\w+" lists 1 to (\d+) tags of 1 to (\d+) characters',
            r"请写 1 至 \1 个标签，每个不超过 \2 字",
        ),
        (r"(\S+) assigns leads to nobody, or not to .+", r"\1 不能把线索分配给这个人"),
        (r"(\S+) has the lead, not (\S+)", r"线索归 \1，不归 \2"),
        (r"there is no lead '(.+)'", r"没有线索 \1"),
        (r"name it by id, e-mail, phone or user id", "请用编号、邮箱、手机或用户号指明"),
        # What stands in the way of entering a journey.
        (r"the lead has never been in it", "线索从未进入过"),
        (r"the lead is in it already", "线索已经在里面"),
        (r"the lead is in it since (.+), at step (.+)", r"自 \1 在里面，停在 \2"),
        (r"the lead was in it from (.+) to (.+): completed", r"\1 至 \2 在里面，走完全程"),
        (r"the lead was in it from (.+) to (.+): exit: .+", r"\1 至 \2 在里面，满足退出条件"),
        (r"the lead was in it from (.+) to (.+): goal: .+", r"\1 至 \2 在里面，达成目标"),
        (r"the lead was in it from (.+) to (.+): (.+)", r"\1 至 \2 在里面：\3"),
        (r"its exit condition holds, so nobody enters", "退出条件成立，因此不能进入"),
        (r"its condition does not hold", "条件不成立"),
        (r"its condition does not hold: (\d+) parts are false", r"条件不成立：其中 \1 项不满足"),
        (r"no (\S+) has come", r"没有发生过 \1"),
        (r"none of (.+) has come", r"没有发生过 \1"),
        (r"the only event did not count: .+", "仅有的一次事件不算数：属性不符合"),
        (r"none of the latest (\d+) events counted: .+", r"最近 \1 次事件都不算数"),
        (r"its condition has held since (.+)", r"条件自 \1 起一直成立"),
        (r"it acts when that comes true, once", "只在变为成立的那一刻触发一次"),
        (r"rises_to and falls_below happen at one instant", "越过界线只在一瞬间"),
        (r"the number must cross the mark anew", "数值须重新越过"),
        (r"the lead was in it before, and reentry is never", "以前进入过，不允许再次进入"),
        (r"the lead was in it before", "以前进入过"),
        (r"again (\S+) after leaving it", r"离开 \1 后才能再进"),
        (r"the lead is in (\S+), of the same group (\S+), .+", r"正在同组（\2）的 \1 里，它优先"),
        (r"what history changed is judged .+", "历史数据的影响在下一次实时事件时判断"),
        (r"its deadline of (.+) has come", r"期限 \1 已到"),
        (r"a running server wakes the lead for it", "服务器运行时会处理"),
        (r"already in it", "已经在里面"),
        (r"was in it before and reentry is never", "以前进入过，不允许再次进入"),
        (r"was in it too recently", "离开不久，还不能再进入"),
        (r"its exit condition holds", "退出条件成立"),
        (r"(\S+) of the same group goes first", r"同组的 \1 优先"),
        # Why a journey was left, or went another way.
        (r"completed", "走完全程"),
        (r"exit: condition", "满足退出条件"),
        (r"exit: (\S+)", r"发生 \1，退出"),
        (r"goal: condition", "达成目标"),
        (r"goal: (\S+)", r"发生 \1，达成目标"),
        (r"gave way to (\S+)", r"让位给同组的 \1"),
        (r"went on to (\S+)", r"转入 \1"),
        (r"stopped: (\d+) steps without a wait", r"停下：连走 \1 步没有等待"),
        (r"step (\S+) is gone", r"步骤 \1 已不存在"),
        (r"the journey is gone", "旅程已不存在"),
        (r"it was changed", "旅程改版"),
        (r"restarted: the journey was changed", "旅程改版，重新开始"),
        (r"the definition it entered is not known any more", "进入时的版本已找不到"),
        (r"there is no such thing in the configuration any more", "配置里已经没有它"),
        (r"(\S+) is past", r"\1 已过去"),
        (r"(\S+) does not come again", r"\1 不会再来"),
        (r"(\S+) is beyond the calendar", r"\1 超出日历"),
        (r"no such day comes within five years", "五年内没有这样的日子"),
        (r"bot", "扫描程序"),
        (r"rules did not settle after (\d+) rounds", r"规则 \1 轮后仍没有稳定"),
        # Why a lead changes hands.
        (r"journey (\S+)", r"旅程 \1 送去分配"),
        (r"not followed up in time", "没有按时跟进"),
        (r"nobody followed up", "没有人跟进"),
        (r"its condition came true", "条件成立"),
        (r"assigned anew", "重新分配"),
        (r"the lead is at its end", "线索已结束"),
        (r"by turn, for the strategy named nobody who is free", "策略没有选出空闲的人，改为轮流"),
        (r"by turn, for the strategy raised (.+)", r"策略出错（\1），改为轮流"),
        # Why two leads are one, or stay two.
        (r"event (\S+) names both by (.+)", r"事件 \1 同时带有两者的 \2"),
        (r"a person has separated them", "有人把它们分开过"),
        (r"nobody is merged: merge\.when is empty", "设置为从不自动合并"),
        (r"each has an? (\S+) of its own", r"各有各的 \1"),
        (r"a browser that both use does not prove .+", "只是浏览器相同，不能认定是同一人"),
        (r"(.+) alone does not prove that they are one", r"仅凭 \1 不能认定是同一人"),
        (r"new lead", "新线索"),
        # What is in the rules no more.
        (r"there is no stage (.+) any more", r"规则里已经没有阶段 \1"),
        (r"there is no grade (.+) any more", r"规则里已经没有等级 \1"),
        (r"the SLA is gone", "规则里已经没有这个时限"),
        # Whether an experiment is decided.
        (r"(\S+) has (\d+) leads of (\d+)", r"\1 有 \2 条线索，需要 \3 条"),
        (r"p = (\S+) is not below (\S+)", r"还没有胜出者：p = \1，要低于 \2"),
        (r"p = (\S+), (\d+) comparisons", r"p = \1，比较 \2 次"),
        (r"by hand", "人工"),
        (r"rule", "规则"),
    )
)


def chinese(reason: str) -> str:
    """Return a reason in Chinese, as it is where it is somebody's own words; of several, each."""
    return "；".join(map(_one, reason.split("; ")))


def _one(reason: str) -> str:
    for start, text in _LED:
        led = start.match(reason)
        if led:
            return led.expand(text) + _one(reason[led.end() :])
    for pattern, text in _CHINESE:
        found = pattern.fullmatch(reason)
        if found:
            return found.expand(text)
    return reason
