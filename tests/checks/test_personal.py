"""Personal data with proof: what is found, and what only looks like it."""

from __future__ import annotations

import random

import pytest

from tunewell.checks.personal import national_ids
from tunewell.checks.personal.identifiers import TYPES, find_personal
from tunewell.checks.personal.names_by_context import find_names
from tunewell.checks.personal.unproven import find_unproven


def types(text: str) -> list[str]:
    return [span.type for span in find_personal(text)]


@pytest.mark.parametrize(
    "text",
    [
        # decimals, in any notation
        "The share is 0.00491730442 of all.",
        "p = 0,0031778529 nach der Korrektur",
        "c = 299792458.0 m/s, h = 6.62607015e-34, G = 6.67430e-11",
        "[0.0049312551, -0.0088123412, 0.0017712345]",
        "w: -0.00812345678 b: +0.00412345678",
        "BTC 0.00491234, ETH 1.00491234 and 12.0049123456",
        "1.004912345678e+03; .00491730442",
        # code
        "loss = (q@self.key.T / scale).softmax(-1)",
        "out = a@b.to(device) + c@d.id[0]",
        "return h@model.out.weight",
        "val x = this@Fragment.view",
        "super@Outer.run()",
        "srcset: logo@2x.png 2x, logo@3x.webp 3x",
        "git clone git@gitlab.com:lumenta/desk.git",
        "ssh deploy@build.lumenta.net",
        "npm install react@18.2.0 @types/node@20.1.0 left-pad@next",
        "@app.route('/x')\n@pytest.mark.parametrize('a', [1])\ndef f(): ...",
        "user@host.local and root@node-1.internal and x@y.invalid",
        "getty@tty1.service restarted",
        "let token = config.auth.tokenValue2;",
        'password = os.environ["DB_PASSWORD_1"]',
        "secret_key: ${APP_SECRET_KEY_1}",
        "api_key=YOUR_API_KEY_123",
        "client_secret = get_secret('desk-1')",
        '<div class="sk-spinner-wave-container-large">',
        ".sk-folding-cube-animation-1 { color: red }",
        "postgres://user:password@localhost:5432/db",
        # networks
        "Open 192.168.0.1, 10.1.2.3 or 172.16.254.1 in the browser.",
        "ping 198.51.100.23 and 192.0.2.44; dns 8.8.8.8 or 208.67.222.222",
        "mask 255.255.252.0, multicast 224.0.0.251, link-local 169.254.10.20",
        "ip route add 93.184.216.0/22 via 10.0.0.1",
        "fe80::1ff:fe23:4567:890a, ::1, 2001:db8:85a3::8a2e:370:7334",
        # orders, versions, parts
        "Your order number is 212-555-0123.",
        "Bestellnummer: 030 1234567",
        "Numéro de commande 01 23 45 67 89",
        "número de pedido: 345-678-9012",
        "Part no. 345-234-5678, batch 0171/2345678",
        "Invoice 4111-1111 of ticket 0800 123 456",
        "Chrome/91.44.124.99 and firmware 33.44.55.66",
        "release 45.67.89.101 of the driver",
        "Having just updated from 102.13.0.0, I find the columns worse",
        "from 102.10.1.0 to 115.3.0.0",
        "upgraded to 115.40.120.61, aktualisiert auf 115.40.120.61",
        # moments
        "places.database.lastMaintenance: 1707763800 places.history",
        '{"created": 1707763800, "seen": 1707763800123}',
        "1707763800",
        "tracking number 1234 5678 9012",
        "Заказ № 916-123-4567",
        # tables and series
        "12 345 6789 | 212 555 0123 | 345 234 5678 | 77",
        "a,b,c\n212-555-0123,345-234-5678,456-345-6789,567-456-7890",
        "1999 2004 2009 2014 2019 2024",
        "0412 339 221\t0512 332 118\t0612 339 771\t0712 338 119",
        "4539148803436467 5105105105105100 6011000990139424 371449635398431",
        "123 45 6789 234 56 7890 345 67 8901",
        # numbers without a right check digit
        "NHS 943 476 5918, BSN 111222334, Aadhaar 2341 2341 2347",
        "85073003329, 12345678A, RSSMRA85T10A562T",
        "110105194912310021 and 39.053.344.705",
        # addresses for examples
        "Write to jane.doe@example.net, alice@mail.example.com or x@y.test.",
        "you@yourdomain.com, user@company.com, name@domain.org",
        # desks, lists, firms of manuals, ids and servers
        "Write to info@okoro-lamps.de, support@okoro.net or no-reply@okoro.net.",
        "Ask lamps@googlegroups.com or users@lists.okoro.net.",
        "IntegrationDesk@contoso.com, jo@fabrikam.com, user1@email.com",
        '{"gecko": {"id": "lamp-colours@okoro.net", "strict_min_version": "58.0"}}',
        '{"host": "91.44.124.17", "port": 22}, host: 1.2.3.4',
        "Received: by 2a02:810d:9c40:3f8::1 with SMTP id 7",
        "Received: from mx-out3.mail.okoro.net ([91.44.124.17]) by relay",
        "const text = 123444456",
        "meet me at noon. dot your i's at last; she was at home dot matrix",
        "10:00:00 +0100 2009, 2009-03-12 10:00:00 and 12.03.2009",
        "diff: +1234567 -7654321 @@ -1,7 +1,9 @@",
        "ISBN 978-3-16-148410-0, EAN 4006381333931, ISSN 0317-8471",
        "timestamp 1457049600000, id 1234567890123, pid 20391",
        "Latitude 52.5200066, longitude 13.4049540",
        "The 15-digit number 123456789012345 and 0612345678901234",
    ],
)
def test_innocent_text_stays_as_it_is(text: str) -> None:
    assert find_personal(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jo (at) okoro (dot) net", "email"),
        ("jo [at] mail [dot] okoro [dot] net", "email"),
        ("write to jo at okoro dot net please", "email"),
        ("jo.doe AT okoro DOT co DOT uk", "email"),
        ("schreib an jo ät okoro punkt de", "email"),
        ("jo arroba okoro punto es", "email"),
        ("jo@okoro[.]net", "email"),
        ("jo@okoro (dot) net", "email"),
        ("post@münchen-büro.de", "email"),
        ("иван@почта.рф", "email"),
        ("yuki@例え.みんな", "email"),
        ("jo@xn--mnchen-3ya.de", "email"),
        ("O'Brien@okoro.net", "email"),
        ("Rufen Sie unter +49 (0)170 1234567 an", "phone"),
        ("Appelez le 06 12 34 56 78", "phone"),
        ("Llámame al 612 345 678", "phone"),
        ("Telefone: (11) 91234-5678", "phone"),
        ("Zadzwoń: 601 234 567", "phone"),
        ("Позвоните +7 916 123-45-67", "phone"),
        ("電話番号は090-1234-5678です", "phone"),
        ("전화 010-1234-5678", "phone"),
        ("手机：138 1234 5678", "phone"),
        ("tel. 0044 20 7946 0958", "phone"),
        ("my number, +91 98765 43210, is new", "phone"),
        ("fax 212 555 0123", "phone"),
        ("from 93.184.216.34 at noon", "ip"),
        ("Received: from dyn17.91-44-124.okoro.net ([91.44.124.17]) by relay", "ip"),
        ("Received: from marias-macbook.lan.okoro.net ([91.44.124.17]) by relay", "ip"),
        ("client 2a00:1450:4001:81b::200e connected", "ip"),
        ("My card: 4111 1111 1111 1111", "card"),
        ("personnummer 1707763800", "national_id"),
        ("170776-3800 wohnt hier", "national_id"),
        ("NINO: QQ123456C is a dummy, AB 12 34 56 C is not", "national_id"),
        ("NHS number 943 476 5919", "national_id"),
        ("Meine Steuer-ID lautet 86 095 742 719.", "national_id"),
        ("Rentenversicherungsnummer 15 070649 C 103", "national_id"),
        ("numéro de sécurité sociale : 2 55 08 14 168 025 38", "national_id"),
        ("Mi DNI es 12345678Z", "national_id"),
        ("NIE X-1234567-L", "national_id"),
        ("codice fiscale RSSMRA85T10A562S", "national_id"),
        ("NIF 123 456 789", "national_id"),
        ("BSN 111222333", "national_id"),
        ("rijksregisternummer 85.07.30-033.28", "national_id"),
        ("mój PESEL to 44051401359", "national_id"),
        ("personnummer 811228-9874", "national_id"),
        ("fødselsnummer 010107 50160", "national_id"),
        ("henkilötunnus 131052-308T", "national_id"),
        ("CPR 010190-1234", "national_id"),
        ("rodné číslo 710319/2745", "national_id"),
        ("CNP 1800101221144", "national_id"),
        ("ЕГН 7523169263", "national_id"),
        ("JMBG 0101006500006", "national_id"),
        ("OIB: 33392005961", "national_id"),
        ("СНИЛС 112-233-445 95", "national_id"),
        ("ИНН 500100732259", "national_id"),
        ("TC kimlik no 10000000146", "national_id"),
        ("CPF 390.533.447-05", "national_id"),
        ("cpf: 39053344705", "national_id"),
        ("CURP BOXW310820HNERXN09", "national_id"),
        ("CUIT 20-05536168-2", "national_id"),
        ("RUT 12.531.909-2", "national_id"),
        ("cédula de ciudadanía 1.020.304.050", "national_id"),
        ("Aadhaar 2341 2341 2346", "national_id"),
        ("PAN is ABCPE1234F", "national_id"),
        ("身份证号 11010519491231002X", "national_id"),
        ("マイナンバーは 1234 5678 9018 です", "national_id"),
        ("주민등록번호 850101-1234567", "national_id"),
        ("TFN 123 456 782", "national_id"),
        ("Medicare 2123 45670 1", "national_id"),
        ("IRD number 49-091-850", "national_id"),
        ("my South African ID number is 8001015009087", "national_id"),
        ("תעודת זהות 123456782", "national_id"),
        ("NRIC S1234567D", "national_id"),
        ("AHV 756.9217.0769.85", "national_id"),
        ("SVNR 1237 010180", "national_id"),
        ("PPS number 1234567T", "national_id"),
        ("SIN 046 454 286", "national_id"),
        ("my ITIN is 912-70-1234", "national_id"),
        ("passport number 123456789", "national_id"),
    ],
)
def test_personal_data_is_found(text: str, kind: str) -> None:
    assert kind in types(text)


def test_a_wrong_check_digit_is_no_national_number() -> None:
    """Of random numbers with the right shape few may pass where there is a check digit."""
    draw = random.Random(1)
    for check, size, most in (
        (national_ids._gb_nhs, 10, 0.12),
        (national_ids._nl_bsn, 9, 0.12),
        (national_ids._tr_number, 11, 0.02),
        (national_ids._br_cpf, 11, 0.02),
        (national_ids._in_aadhaar, 12, 0.12),
        (national_ids._pl_pesel, 11, 0.01),
        (national_ids._no_number, 11, 0.002),
    ):
        made = ["".join(draw.choices("0123456789", k=size)) for _ in range(3_000)]
        assert sum(map(check, made)) <= most * len(made), check


def test_every_kind_of_identifier_has_a_type_that_is_named() -> None:
    assert "national_id" in TYPES


@pytest.mark.parametrize(
    ("text", "languages", "said"),
    [
        ("Passport number: X99887712", ["en"], True),
        ("my national ID is 29384756123", ["en"], True),
        ("driver's licence no. MORGA753116SM9IJ", ["en"], True),
        ("Piga simu 712 345 678 leo", ["sw"], True),
        ("ስልክ 911 234 567", ["am"], True),
        ("Kira 8031 234567", ["yo"], True),
        ("The price is 712 euros", ["sw"], False),
        ("Meet on 2009-03-12", ["sw"], False),
        ("We have 12345678 rows", ["en"], False),
        ("NHS number 943 476 5919", ["en"], False),
    ],
)
def test_what_cannot_be_proved_is_named(text: str, languages: list[str], said: bool) -> None:
    assert bool(find_unproven(text, is_known=languages == ["en"])) is said


@pytest.mark.parametrize(
    "text",
    [
        "@Component\nclass A {}",
        "on: push\njobs:\n  - name: Build\n    run: make",
        "Thanks,\n@Override\npublic void run()",
        "this is MyClass.create()",
        "- name: Checkout\n- name: Run Tests",
        "Hello @Dr.Route",
    ],
)
def test_code_names_nobody(text: str) -> None:
    assert find_names(text) == []
