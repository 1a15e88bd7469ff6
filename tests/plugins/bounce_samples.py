"""Bounces and complaints in the forms that mail servers really write."""

from __future__ import annotations

ID = "<0123456789abcdef0123456789abcdef01234567@example.com>"
LETTER = f"""From: =?utf-8?b?5biC5Zy66YOo?= <news@example.com>\r
To: wang@acme.cn\r
Subject: =?utf-8?b?5oKo5aW9?=\r
Message-ID: {ID}\r
Auto-Submitted: auto-generated\r
\r
您好\r
""".encode()


def crlf(text: str) -> bytes:
    """Return a mail as it goes over the wire."""
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def returned(letter: bytes, headers_only: bool = False) -> str:
    """Return a mail to be put into another one."""
    whole = letter.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return whole.partition("\n\n")[0] + "\n" if headers_only else whole


def postfix(
    letter: bytes = LETTER,
    status: str = "5.1.1",
    action: str = "failed",
    said: str = "550 5.1.1 <wang@acme.cn>: Recipient address rejected: User unknown",
    id: str = "<20260302010203.4F5A6B7C8D@mail.example.com>",
) -> bytes:
    """Return what Postfix writes: text, report, and the mail whole."""
    return crlf(f"""Return-Path: <>
Received: by mail.example.com (Postfix) id 4F5A6B7C8D; Mon,  2 Mar 2026 09:02:03 +0800 (CST)
Date: Mon,  2 Mar 2026 09:02:03 +0800 (CST)
From: MAILER-DAEMON@mail.example.com (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: news@example.com
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="1A2B3C4D5E.1772413323/mail.example.com"
Message-Id: {id}

This is a MIME-encapsulated message.

--1A2B3C4D5E.1772413323/mail.example.com
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.example.com.

<wang@acme.cn>: host mx.acme.cn[192.0.2.7] said: {said} (in reply to RCPT TO command)

--1A2B3C4D5E.1772413323/mail.example.com
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com
X-Postfix-Queue-ID: 1A2B3C4D5E
X-Postfix-Sender: rfc822; news@example.com
Arrival-Date: Mon,  2 Mar 2026 09:02:01 +0800 (CST)

Final-Recipient: rfc822; wang@acme.cn
Original-Recipient: rfc822;wang@acme.cn
Action: {action}
Status: {status}
Remote-MTA: dns; mx.acme.cn
Diagnostic-Code: smtp; {said}

--1A2B3C4D5E.1772413323/mail.example.com
Content-Description: Undelivered Message
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

{returned(letter)}
--1A2B3C4D5E.1772413323/mail.example.com--
""")


def exchange(letter: bytes = LETTER, status: str = "5.1.10") -> bytes:
    """Return what Exchange Online writes: HTML, report, and the headers alone."""
    return crlf(f"""From: <postmaster@acme.onmicrosoft.com>
To: <news@example.com>
Date: Mon, 2 Mar 2026 01:02:03 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="1c0a-9d2f-4c7e"
Message-ID: <7f3a@acme.onmicrosoft.com>
Subject: Undeliverable: =?utf-8?b?5oKo5aW9?=
Auto-Submitted: auto-replied
MIME-Version: 1.0

--1c0a-9d2f-4c7e
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="b1"

--b1
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Your message to wang@acme.cn couldn't be delivered.

--b1
Content-Type: text/html; charset="us-ascii"

<html><body>wang wasn't found at acme.cn.</body></html>

--b1--

--1c0a-9d2f-4c7e
Content-Type: message/delivery-status

Reporting-MTA: dns;HK0PR01.apcprd01.prod.exchangelabs.com
Received-From-MTA: dns;mail.example.com
Arrival-Date: Mon, 2 Mar 2026 01:02:01 +0000

Final-Recipient: rfc822;wang@acme.cn
Action: failed
Status: {status}
Diagnostic-Code: smtp;550 {status} RESOLVER.ADR.RecipientNotFound; Recipient not found

--1c0a-9d2f-4c7e
Content-Type: text/rfc822-headers

{returned(letter, headers_only=True)}
--1c0a-9d2f-4c7e--
""")


def internationalised(letter: bytes = LETTER) -> bytes:
    """Return what RFC 6533 has for addresses outside of ASCII."""
    return crlf(f"""From: MAILER-DAEMON@例子.公司
Message-ID: <i18n@例子.公司>
Content-Type: multipart/report; report-type=global-delivery-status; boundary=b
MIME-Version: 1.0

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

没有这个用户。
--b
Content-Type: message/global-delivery-status
Content-Transfer-Encoding: 8bit

Reporting-MTA: dns; 例子.公司

Final-Recipient: utf-8; 王芳@例子.公司
Action: failed
Status: 5.1.1

--b
Content-Type: message/global-headers
Content-Transfer-Encoding: 8bit

{returned(letter, headers_only=True)}
--b--
""")


def complaint(letter: bytes = LETTER, kind: str = "abuse") -> bytes:
    """Return a feedback report as RFC 5965 shows it."""
    return crlf(f"""From: <abusedesk@mailbox.example.net>
Date: Mon, 2 Mar 2026 17:40:36 +0800
Subject: FW: news
To: <abuse@example.com>
Message-ID: <20260302174036.1@mailbox.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
\tboundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.2.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <news@example.com>
Original-Rcpt-To: <wang@acme.cn>
Source-IP: 192.0.2.2

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

{returned(letter)}
--part1_13d.2e68ed54_boundary--
""")


def qmail(letter: bytes = LETTER, said: str = "550 5.1.1 User unknown") -> bytes:
    """Return what qmail writes: one text, the mail below it."""
    return crlf(f"""Return-Path: <>
Date: 2 Mar 2026 01:02:03 -0000
Message-ID: <20260302010203.qmail@mail.example.com>
From: MAILER-DAEMON@mail.example.com
To: news@example.com
Subject: failure notice

Hi. This is the qmail-send program at mail.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<wang@acme.cn>:
192.0.2.7 does not like recipient.
Remote host said: {said}
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.

{returned(letter)}""")


def qq(letter: bytes = LETTER, said: str = "550 Mailbox not found.", charset: str = "gbk") -> bytes:
    """Return a notice in the words that QQ's help explains, with the mail attached."""
    notice = f"""抱歉，您的邮件被退回来了……
无法发送到 wang@acme.cn
退信原因: host mx.acme.cn[192.0.2.7] said: {said} (in reply to RCPT TO command)
""".encode(charset)
    head = crlf("""From: PostMaster <PostMaster@qq.com>
To: news@example.com
Subject: =?gbk?B?z7XNs83L0MU=?=
Message-ID: <tencent_5A6B7C8D@qq.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=""")
    back = f"\n--b\nContent-Type: message/rfc822\n\n{returned(letter)}\n--b--\n"
    return head + charset.encode() + b"\r\n\r\n" + notice + crlf(back)


def vacation(letter: bytes = LETTER) -> bytes:
    """Return an absence notice that quotes our mail (RFC 3834)."""
    return crlf(f"""Return-Path: <>
From: wang@acme.cn
To: news@example.com
Subject: Re: hello
Auto-Submitted: auto-replied
In-Reply-To: {ID}
References: {ID}
Message-ID: <away@acme.cn>
Content-Type: text/plain; charset=utf-8

我休假了，3 月 550 日回来。 said: 550 5.1.1

{returned(letter)}""")
