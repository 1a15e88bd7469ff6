"""Who the leads are: leadforge knows an id, a job and an industry; the rest is made up here.

Nobody can be reached by what this module makes. Company domains end in `.example` (RFC 2606), the
part before `@qq.com` and its like is longer than those providers allow, and the telephone numbers
lie in 1740 0-5, a satellite range that `phonenumbers` counts as mobile.
"""

from typing import Any

from hashing import draw, pick

Row = dict[str, Any]


def words(text: str) -> list[str]:
    """The words of a text; each is characters with their pinyin behind them."""
    return text.split()


SURNAMES = words(
    "王wang 李li 张zhang 刘liu 陈chen 杨yang 黄huang 赵zhao 吴wu 周zhou 徐xu 孙sun 马ma 朱zhu "
    "胡hu 郭guo 何he 林lin 高gao 罗luo 郑zheng 梁liang 谢xie 宋song 唐tang 许xu 邓deng 冯feng "
    "韩han 曹cao"
)
GIVEN_NAMES = words(
    "伟wei 芳fang 娜na 敏min 静jing 丽li 强qiang 磊lei 军jun 洋yang 勇yong 艳yan 杰jie 涛tao "
    "明ming 超chao 霞xia 平ping 刚gang 桂英guiying 建国jianguo 志强zhiqiang 秀兰xiulan "
    "晓东xiaodong 雪梅xuemei 海燕haiyan 文博wenbo 子涵zihan 思远siyuan 雨桐yutong 嘉怡jiayi 浩然haoran "
    "俊杰junjie 欣怡xinyi 天宇tianyu 丹丹dandan 国栋guodong 佳琪jiaqi 晨曦chenxi 立新lixin "
    "春华chunhua 永健yongjian 淑珍shuzhen 振宇zhenyu 梦洁mengjie 鹏飞pengfei 书涵shuhan 云峰yunfeng"
)
BRAND_HEADS = words(
    "恒heng 宏hong 瑞rui 鼎ding 泰tai 盛sheng 安an 博bo 诚cheng 东dong 德de 方fang 广guang 海hai "
    "弘hong 嘉jia 江jiang 金jin 科ke 凯kai 蓝lan 立li 联lian 龙long 明ming 铭ming 宁ning 鹏peng "
    "启qi 千qian 锐rui 润run 森sen 尚shang 天tian 万wan 新xin 星xing 远yuan 中zhong"
)
BRAND_TAILS = words(
    "邦bang 宝bao 昌chang 达da 川chuan 丰feng 峰feng 贯guan 光guang 和he 衡heng 辉hui 汇hui 捷jie "
    "景jing 钧jun 凌ling 隆long 迈mai 茂mao 能neng 普pu 奇qi 桥qiao 荣rong 升sheng 顺shun 硕shuo "
    "腾teng 通tong 旺wang 维wei 翔xiang 信xin 旭xu 扬yang 益yi 源yuan 泽ze 智zhi"
)
BRANDS = len(BRAND_HEADS) * len(BRAND_TAILS)

EAST_CHINA = (
    ("上海", "上海"), ("上海", "上海"), ("上海", "上海"), ("江苏", "南京"), ("江苏", "苏州"),
    ("江苏", "苏州"), ("江苏", "无锡"), ("浙江", "杭州"), ("浙江", "杭州"), ("浙江", "宁波"),
    ("安徽", "合肥"), ("福建", "厦门"), ("山东", "济南"), ("山东", "青岛"),
)  # fmt: skip
ELSEWHERE = (
    ("北京", "北京"), ("北京", "北京"), ("北京", "北京"), ("广东", "广州"), ("广东", "广州"),
    ("广东", "深圳"), ("广东", "深圳"), ("广东", "东莞"), ("四川", "成都"), ("四川", "成都"),
    ("湖北", "武汉"), ("湖北", "武汉"), ("陕西", "西安"), ("重庆", "重庆"), ("天津", "天津"),
    ("湖南", "长沙"), ("河南", "郑州"), ("辽宁", "沈阳"), ("辽宁", "大连"),
)  # fmt: skip

INDUSTRIES = {
    "manufacturing": "制造业",
    "logistics": "物流业",
    "healthcare_non_clinical": "医疗健康",
    "professional_services": "专业服务",
}
TRADES = {
    "manufacturing": ("精密机械", "自动化设备", "阀门制造", "电子科技", "新材料", "汽车零部件"),
    "logistics": ("物流", "供应链管理", "国际货运", "仓储服务", "冷链物流"),
    "healthcare_non_clinical": ("健康管理", "医疗器械", "生物科技", "医疗信息技术"),
    "professional_services": ("企业管理咨询", "人力资源服务", "财税服务", "信息技术服务"),
}
EMPLOYEES = {"200-499": (200, 499), "500-999": (500, 999), "1000-1999": (1000, 1999)}
LARGEST = (2000, 8000)
TITLE_LEVELS = {
    "individual_contributor": "staff",
    "manager": "manager",
    "director": "director",
    "vp": "vp",
    "c_suite": "c_level",
}
MAIL_PROVIDERS = ("qq.com", "qq.com", "163.com", "163.com", "126.com", "sina.com")

CNY_PER_ACV = 7
"""Yuan for a dollar of `estimated_acv`; at 7 a quarter of all leads is worth more than 500,000."""

EXPO = "华东区线下展会"
WEBSITE = {"name": "官网表单", "category": "online", "utm_source": "website"}
SEARCH = {"name": "百度SEM", "category": "online", "utm_source": "baidu", "utm_medium": "cpc"}
ZHIHU = {"name": "知乎白皮书", "category": "online", "utm_source": "zhihu_crm_whitepaper"}
FAIR = {"name": EXPO, "category": "offline"}
INBOUND_SOURCES = (*[WEBSITE] * 7, *[SEARCH] * 5, *[ZHIHU] * 5, *[FAIR] * 3)
OTHER_SOURCES = {
    "sdr_outbound": {"name": "销售自主开发", "category": "internal"},
    "partner_referral": {"name": "合作伙伴推荐", "category": "external"},
}


def number(row_id: str) -> int:
    """The number at the end of a leadforge id: 655 of `acct_000655`."""
    return int(row_id.rpartition("_")[2])


def spell(tokens: list[str]) -> tuple[str, str]:
    """Characters and pinyin of tokens like `王wang`."""
    pinyin = ["".join(letter for letter in token if letter.isascii()) for token in tokens]
    characters = [token.removesuffix(sound) for token, sound in zip(tokens, pinyin, strict=True)]
    return "".join(characters), "".join(pinyin)


def person_name(lead_id: str) -> tuple[str, str]:
    """A person's name in characters and in pinyin."""
    surname = pick(f"{lead_id} surname", SURNAMES)
    return spell([surname, pick(f"{lead_id} given name", GIVEN_NAMES)])


def brand(account_id: str) -> tuple[str, str]:
    """Two characters and their pinyin; the first 1,600 accounts have one each of their own."""
    index = number(account_id) * 7919 % BRANDS  # 7919 is prime, so no two numbers meet
    head, tail = divmod(index, len(BRAND_TAILS))
    return spell([BRAND_HEADS[head], BRAND_TAILS[tail]])


def place(account_id: str) -> tuple[str, str]:
    """Province and city; one account in two is in East China (华东)."""
    side = pick(f"{account_id} side", (EAST_CHINA, ELSEWHERE))
    return pick(f"{account_id} city", side)


def company(account: Row) -> str:
    """The company's full name, as 上海恒达精密机械有限公司."""
    account_id = account["account_id"]
    trade = pick(f"{account_id} trade", TRADES[account["industry"]])
    return f"{place(account_id)[1]}{brand(account_id)[0]}{trade}有限公司"


def employees(account: Row) -> int:
    """A head count inside the account's band."""
    low, high = EMPLOYEES.get(account["employee_band"], LARGEST)
    return low + draw(f"{account['account_id']} employees", high - low + 1)


def phone(lead_id: str) -> str:
    """A mobile number of its own for each lead, in E.164."""
    return f"+861740{number(lead_id) * 3_333_337 % 6_000_000:07d}"


def email(lead_id: str, account_id: str, domain_type: str) -> str | None:
    """An address of its own for each lead; None where leadforge knows no kind of domain."""
    pinyin = person_name(lead_id)[1]
    if domain_type == "corporate":
        return f"{pinyin}.{number(lead_id)}@{brand(account_id)[1]}-{number(account_id)}.example"
    if domain_type == "personal":
        return f"{pinyin}.leadforge.{number(lead_id):06d}@{pick(lead_id, MAIL_PROVIDERS)}"
    return None


def source(lead: Row) -> dict[str, str]:
    """Where the lead came from: name, category and, for the online ones, UTM values."""
    if lead["lead_source"] == "inbound_marketing":
        return pick(f"{lead['lead_id']} source", INBOUND_SOURCES)
    return OTHER_SOURCES[lead["lead_source"]]


def money(estimated_acv: int) -> int:
    """An opportunity's value in whole yuan."""
    return estimated_acv * CNY_PER_ACV


def lead_fields(lead: Row, contact: Row, account: Row, opportunity: Row | None) -> dict[str, Any]:
    """All fields of a new lead, named as in the built-in catalogue; unknown ones are left out."""
    lead_id, account_id = lead["lead_id"], account["account_id"]
    province, city = place(account_id)
    inbound = lead["lead_source"] == "inbound_marketing"
    fields = {
        "user_id": lead_id,
        "name": person_name(lead_id)[0],
        "phone": phone(lead_id),
        "email": email(lead_id, account_id, contact["email_domain_type"]),
        "company": company(account),
        "title": contact["job_title"],
        "title_level": TITLE_LEVELS[contact["seniority"]],
        "industry": INDUSTRIES[account["industry"]],
        "employees": employees(account),
        "province": province,
        "city": city,
        "amount": money(opportunity["estimated_acv"]) if opportunity else None,
        "source": source(lead),
        "consent": {"marketing": "given"} if inbound else None,
    }
    return {name: value for name, value in fields.items() if value is not None}
