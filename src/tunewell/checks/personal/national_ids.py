"""Numbers that states give to people, told by their shape and check digits.

A number with separators, letters or a date of birth that agree with its check digit stands by
itself. A bare number counts only beside the words that name it.

Sources:
    The rules of the issuing offices.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tunewell.checks.personal.check_digits import (
    ends_with_mod_11,
    is_day,
    is_short_day,
    luhn,
    mod_11_2,
    mod_11_10,
    verhoeff,
    weighted,
)
from tunewell.checks.personal.identifier import Identifier, Place
from tunewell.checks.personal.number_context import (
    NOT_AFTER_WORD,
    NOT_BEFORE_WORD,
    is_moment,
    named_otherwise,
    stands_in_table,
)

Check = Callable[[str], bool]
"""Takes letters and digits without separators, letters large."""

_ODD_VALUES = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class NationalId:
    """A kind of number.

    Attributes:
        country: ISO 3166-1.
        shape: How it is written, as a pattern.
        check: Whether its check digits hold.
        words: What names it, as a pattern; empty where it stands by itself.
    """

    country: str
    shape: str
    check: Check
    words: str = ""


def _any(_number: str) -> bool:
    return True


# --- checks by country ----------------------------------------------------------------------------


def _us_itin(n: str) -> bool:
    return n[0] == "9" and (50 <= int(n[3:5]) <= 65 or 70 <= int(n[3:5]) <= 99)


def _gb_nino(n: str) -> bool:
    return n[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _gb_nhs(n: str) -> bool:
    return ends_with_mod_11(n, range(10, 1, -1), ten=-1) and len(set(n)) > 1


def _de_tax(n: str) -> bool:
    counts = sorted(n[:10].count(digit) for digit in set(n[:10]))
    return n[0] != "0" and counts[-1] in (2, 3) and len(counts) >= 8 and mod_11_10(n)


def _de_pension(n: str) -> bool:
    if not is_short_day(n[6:8], n[4:6], f"{int(n[2:4]) % 50:02d}"):
        return False
    digits = f"{n[:8]}{_LETTERS.index(n[8]) + 1:02d}{n[9:11]}"
    products = (
        int(d) * w for d, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    )
    return sum(sum(divmod(product, 10)) for product in products) % 10 == int(n[11])


def _fr_insee(n: str) -> bool:
    number = n[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(n[13:])


def _es_dni(n: str) -> bool:
    number = n[:-1].translate(str.maketrans("XYZ", "012"))
    return n[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _it_code(n: str) -> bool:
    total = 0
    for place, sign in enumerate(n[:15]):
        value = int(sign) if sign.isdigit() else _LETTERS.index(sign)
        total += _ODD_VALUES[value] if place % 2 == 0 else value
    return _LETTERS[total % 26] == n[15]


def _pt_nif(n: str) -> bool:
    return n[0] in "1235689" and ends_with_mod_11(n, range(9, 1, -1))


def _nl_bsn(n: str) -> bool:
    n = n.zfill(9)
    return weighted(n, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(n) > 9_999_999


def _be_register(n: str) -> bool:
    return is_short_day(n[:2], n[2:4], n[4:6]) and int(n[9:]) in (
        97 - int(n[:9]) % 97,
        97 - int(f"2{n[:9]}") % 97,
    )


def _pl_pesel(n: str) -> bool:
    century, month = divmod(int(n[2:4]), 20)
    year = {0: 1900, 1: 2000, 4: 1800}.get(century)
    check = -weighted(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return (
        year is not None and is_day(year + int(n[:2]), month, int(n[4:6])) and check == int(n[10])
    )


def _se_number(n: str) -> bool:
    n = n[-10:]
    day = int(n[4:6])
    return is_short_day(n[:2], n[2:4], f"{day - 60 if day > 60 else day:02d}") and luhn(n)


def _no_number(n: str) -> bool:
    day = int(n[:2])
    is_born = is_short_day(n[4:6], n[2:4], f"{day - 40 if day > 40 else day:02d}")
    first = -weighted(n, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_born and (first, second) == (int(n[9]), int(n[10]))


def _dk_cpr(n: str) -> bool:
    """Since 2007 numbers are given out whose check digit does not hold: the date has to do."""
    return is_short_day(n[4:6], n[2:4], n[:2])


def _fi_hetu(n: str) -> bool:
    digits = n[:6] + n[-4:-1]
    return is_short_day(n[4:6], n[2:4], n[:2]) and (
        n[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31]
    )


def _is_kennitala(n: str) -> bool:
    check = -weighted(n, (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_short_day(n[4:6], n[2:4], n[:2]) and check == int(n[8]) and n[9] in "089"


def _cz_number(n: str) -> bool:
    month = int(n[2:4]) % 50
    month = month - 20 if month > 20 else month
    is_born = is_short_day(n[:2], f"{month:02d}", n[4:6])
    return is_born and (len(n) == 9 or int(n) % 11 == 0 or (int(n[:9]) % 11 == 10 and n[9] == "0"))


def _ro_cnp(n: str) -> bool:
    check = weighted(n, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return is_short_day(n[1:3], n[3:5], n[5:7]) and (1 if check == 10 else check) == int(n[12])


def _bg_egn(n: str) -> bool:
    month = int(n[2:4])
    month -= 40 if month > 40 else 20 if month > 20 else 0
    check = weighted(n, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    return is_short_day(n[:2], f"{month:02d}", n[4:6]) and check == int(n[9])


def _balkan_jmbg(n: str) -> bool:
    check = -weighted(n, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_short_day(n[5:7], n[2:4], n[:2]) and check % 10 == int(n[12])


def _baltic_code(n: str) -> bool:
    check = weighted(n, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(n, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return n[0] in "123456" and is_short_day(n[1:3], n[3:5], n[5:7]) and check == int(n[10])


def _hu_taj(n: str) -> bool:
    return weighted(n, (3, 7) * 4) % 10 == int(n[8])


def _gr_amka(n: str) -> bool:
    return is_short_day(n[4:6], n[2:4], n[:2]) and luhn(n)


def _ua_number(n: str) -> bool:
    return weighted(n, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == int(n[9])


def _ru_snils(n: str) -> bool:
    check = weighted(n, range(9, 0, -1)) % 101 % 100
    return check == int(n[9:])


def _ru_inn(n: str) -> bool:
    first = weighted(n, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighted(n, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return (first, second) == (int(n[10]), int(n[11]))


def _tr_number(n: str) -> bool:
    tenth = (7 * sum(map(int, n[0:9:2])) - sum(map(int, n[1:8:2]))) % 10
    return n[0] != "0" and tenth == int(n[9]) and sum(map(int, n[:10])) % 10 == int(n[10])


def _br_cpf(n: str) -> bool:
    first = -weighted(n, range(10, 1, -1)) % 11 % 10
    second = -weighted(n, range(11, 1, -1)) % 11 % 10
    return len(set(n)) > 1 and (first, second) == (int(n[9]), int(n[10]))


def _br_cnpj(n: str) -> bool:
    first = -weighted(n, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11 % 10
    second = -weighted(n, (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11 % 10
    return len(set(n)) > 1 and (first, second) == (int(n[12]), int(n[13]))


def _mx_curp(n: str) -> bool:
    signs = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(signs.index(sign) * (18 - place) for place, sign in enumerate(n[:17]))
    return is_short_day(n[4:6], n[6:8], n[8:10]) and str(-total % 10) == n[17]


def _mx_rfc(n: str) -> bool:
    return is_short_day(n[-9:-7], n[-7:-5], n[-5:-3])


def _ar_cuit(n: str) -> bool:
    check = -weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return {11: 0, 10: 9}.get(check, check) == int(n[10])


def _cl_rut(n: str) -> bool:
    check = -weighted(n[-2::-1], (2, 3, 4, 5, 6, 7) * 2) % 11
    return n[-1] == "0123456789K"[check]


def _ec_number(n: str) -> bool:
    return 1 <= int(n[:2]) <= 24 and luhn(n)


def _in_pan(n: str) -> bool:
    return n[3] in "ABCFGHLJPT"


def _in_aadhaar(n: str) -> bool:
    return n[0] in "23456789" and verhoeff(n)


def _cn_resident(n: str) -> bool:
    return n[0] in "1234568" and is_day(int(n[6:10]), int(n[10:12]), int(n[12:14])) and mod_11_2(n)


def _tw_number(n: str) -> bool:
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(n[0]) + 10
    digits = f"{letter}{n[1:]}"
    return weighted(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def _hk_number(n: str) -> bool:
    letters = n.rstrip("A")[: len(n) - 7]
    values = [36, *(_LETTERS.index(letter) + 10 for letter in letters)][-2:]
    values += [int(digit) for digit in n[len(letters) : -1]]
    total = sum(value * (9 - place) for place, value in enumerate(values))
    return n[-1] == "0123456789A"[-total % 11]


def _jp_number(n: str) -> bool:
    check = weighted(n, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if check <= 1 else 11 - check) == int(n[11])


def _kr_number(n: str) -> bool:
    return is_short_day(n[:2], n[2:4], n[4:6])


def _th_number(n: str) -> bool:
    return n[0] != "0" and (11 - weighted(n, range(13, 1, -1)) % 11) % 10 == int(n[12])


def _my_number(n: str) -> bool:
    return is_short_day(n[:2], n[2:4], n[4:6])


def _id_number(n: str) -> bool:
    day = int(n[6:8])
    return is_short_day(n[10:12], n[8:10], f"{day - 40 if day > 40 else day:02d}")


def _sg_number(n: str) -> bool:
    total = weighted(n[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(n[0], 0)
    signs = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(n[0], "XWUTRQPNMLK")
    rest = total % 11
    return n[-1] == signs[10 - rest if n[0] == "M" else rest]


def _au_tfn(n: str) -> bool:
    return weighted(n, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _au_medicare(n: str) -> bool:
    return weighted(n, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(n[8])


def _nz_ird(n: str) -> bool:
    n = n.zfill(9)
    check = -weighted(n, (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:
        check = -weighted(n, (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return check == int(n[8]) and 10_000_000 < int(n) < 150_000_000


def _za_number(n: str) -> bool:
    return is_short_day(n[:2], n[2:4], n[4:6]) and n[10] in "012" and luhn(n)


def _il_number(n: str) -> bool:
    return luhn(n.zfill(9)) and int(n) > 0


def _ch_ahv(n: str) -> bool:
    return -weighted(n, (1, 3) * 6) % 10 == int(n[12])


def _at_insurance(n: str) -> bool:
    check = weighted(n, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11
    return check == int(n[3]) and n[0] != "0" and int(n[4:6]) <= 31 and int(n[6:8]) <= 15


def _ie_pps(n: str) -> bool:
    second = _LETTERS.index(n[8]) + 1 if len(n) == 9 and n[8] != "W" else 0
    total = weighted(n[:7], range(8, 1, -1)) + 9 * second
    return n[7] == f"W{_LETTERS}"[total % 23]


def _eg_number(n: str) -> bool:
    return n[0] in "23" and is_day(1700 + 100 * int(n[0]) + int(n[1:3]), int(n[3:5]), int(n[5:7]))


# --- the table ------------------------------------------------------------------------------------

_DATE_6 = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_DAY_6 = r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}"

STANDING = (
    NationalId("GB", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] \d{2} \d{2} \d{2} [A-D]", _gb_nino),
    NationalId(
        "DE",
        r"\d{2} ?(?:[0-2]\d|3[01]|[5-7]\d|8[01])(?:0[1-9]|1[0-2])\d{2} ?[A-Z] ?\d{2} ?\d",
        _de_pension,
    ),
    NationalId(
        "FR",
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-4]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        _fr_insee,
    ),
    NationalId("ES", r"(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]", _es_dni),
    NationalId("IT", r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]", _it_code),
    NationalId(
        "BE",
        rf"{_DATE_6}-\d{{3}}[. ]\d{{2}}|{_DATE_6}\d{{5}}|\d\d\.\d\d\.\d\d-\d{{3}}\.\d{{2}}",
        _be_register,
    ),
    NationalId(
        "SE",
        r"(?:19|20)?\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]|[67]\d|8\d|9[01])[-+]\d{4}",
        _se_number,
    ),
    NationalId("NO", r"[0-7]\d(?:0[1-9]|1[0-2])\d{2} ?\d{5}", _no_number),
    NationalId("IS", rf"{_DAY_6}-?\d{{3}}[089]", _is_kennitala),
    NationalId("DK", rf"{_DAY_6}-\d{{4}}", _dk_cpr),
    NationalId("FI", rf"{_DAY_6}[-+A-FU-Y]\d{{3}}[0-9A-FHJ-NPR-Y]", _fi_hetu),
    NationalId(
        "CZ",
        r"\d{2}(?:[05][1-9]|[16][0-2]|[27][1-9]|[38][0-2])(?:0[1-9]|[12]\d|3[01])/\d{3,4}",
        _cz_number,
    ),
    NationalId("RU", r"\d{3}-\d{3}-\d{3}[- ]\d{2}", _ru_snils),
    NationalId("BR", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _br_cpf),
    NationalId("BR", r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}", _br_cnpj),
    NationalId(
        "MX", r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-ZÑ]{3}[0-9A-Z]\d", _mx_curp
    ),
    NationalId("AR", r"(?:20|2[3-7]|3[034])-\d{8}-\d", _ar_cuit),
    NationalId("CL", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", _cl_rut),
    NationalId("IN", r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", _in_pan),
    NationalId(
        "CN",
        r"[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]",
        _cn_resident,
    ),
    NationalId("HK", r"[A-Z]{1,2}\d{6}\([0-9A]\)", _hk_number),
    NationalId("KR", rf"{_DATE_6}-[1-8]\d{{6}}", _kr_number),
    NationalId("TH", r"\d-\d{4}-\d{5}-\d{2}-\d", _th_number),
    NationalId("MY", rf"{_DATE_6}-\d{{2}}-\d{{4}}", _my_number),
    NationalId("SG", r"[STFGM]\d{7}[A-Z]", _sg_number),
    NationalId("CH", r"756\.?\d{4}\.?\d{4}\.?\d{2}", _ch_ahv),
    NationalId("AE", r"784-\d{4}-\d{7}-\d", luhn),
    NationalId("PK", r"\d{5}-\d{7}-\d", _any),
)
"""Numbers that stand by themselves."""

_NAMED_ID = r"identi\w* (?:card )?(?:number|no)|national id|id (?:card|number|no)"
NAMED = (
    NationalId("US", r"9\d{2}-?\d{2}-?\d{4}", _us_itin, r"itin|taxpayer"),
    NationalId(
        "GB",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?-?\d{2}[ -]?\d{2}[ -]?\d{2} ?[A-D]?",
        _gb_nino,
        r"national insurance|nino|ni (?:no|number)",
    ),
    NationalId("GB", r"\d{3}[ -]?\d{3}[ -]?\d{4}", _gb_nhs, r"nhs"),
    NationalId("DE", r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", _de_tax, r"steuer\w*|idnr|tin|tax"),
    NationalId("PT", r"\d{3}[ .]?\d{3}[ .]?\d{3}", _pt_nif, r"nif|contribuinte|fiscal"),
    NationalId(
        "NL", r"\d{3,4}[ .]?\d{2}[ .]?\d{3}|\d{8,9}", _nl_bsn, r"bsn|burgerservice\w*|sofi\w*"
    ),
    NationalId("PL", r"\d{11}", _pl_pesel, r"pesel\w*"),
    NationalId(
        "SE", r"(?:19|20)?\d{6}[- ]?\d{4}", _se_number, r"person(?:nummer|nr)\w*|samordningsnummer"
    ),
    NationalId("NO", r"\d{6} ?\d{5}", _no_number, r"fødsels(?:nummer|nr)\w*|personnummer|d-nummer"),
    NationalId("DK", r"\d{6}[- ]?\d{4}", _dk_cpr, r"cpr\S*|personnummer"),
    NationalId("CZ", r"\d{6}/?\d{3,4}", _cz_number, r"rodn\w+ č\w+|rč"),
    NationalId("RO", r"[1-9]\d{12}", _ro_cnp, r"cnp|cod\w* numeric"),
    NationalId("BG", r"\d{10}", _bg_egn, r"егн|egn"),
    NationalId("RS", r"\d{13}", _balkan_jmbg, r"jmbg|јмбг|em[šs]o|матич\w+|matičn\w+"),
    NationalId("HR", r"\d{11}", mod_11_10, r"oib"),
    NationalId("EE", r"\d{11}", _baltic_code, r"isikukood\w*|asmens kod\w*"),
    NationalId("LV", r"\d{6}-?\d{5}", _any, r"personas kod\w*"),
    NationalId("HU", r"\d{3}[ -]?\d{3}[ -]?\d{3}", _hu_taj, r"taj\S*"),
    NationalId("GR", r"\d{11}", _gr_amka, r"αμκα|amka"),
    NationalId("UA", r"\d{10}", _ua_number, r"рнокпп|іпн|інн|ідентифікаційн\w+"),
    NationalId("RU", r"\d{3}[- ]?\d{3}[- ]?\d{3}[- ]?\d{2}", _ru_snils, r"снилс\w*|snils"),
    NationalId("RU", r"\d{12}", _ru_inn, r"инн|inn"),
    NationalId("RU", r"\d{2} ?\d{2} ?(?:№ ?)?\d{6}", _any, r"паспорт\w*"),
    NationalId("TR", r"[1-9]\d{10}", _tr_number, r"t\.?c\.?(?: kimlik)?(?: no\w*)?|kimlik|tckn"),
    NationalId("BR", r"\d{11}", _br_cpf, r"cpf"),
    NationalId("BR", r"\d{14}", _br_cnpj, r"cnpj"),
    NationalId("MX", r"[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{3}", _mx_rfc, r"rfc"),
    NationalId("AR", r"\d{11}|\d{2}-\d{8}-\d", _ar_cuit, r"cui[tl]"),
    NationalId("AR", r"\d{1,2}\.?\d{3}\.?\d{3}", _any, r"dni|documento"),
    NationalId("CL", r"\d{7,8}-?[\dkK]", _cl_rut, r"ru[tn]"),
    NationalId("CO", r"\d{1,3}(?:\.?\d{3}){2,3}", _any, r"cédula|cedula|ciudadanía|c\.c\."),
    NationalId("EC", r"\d{9}-?\d", _ec_number, r"cédula|cedula"),
    NationalId("IN", r"\d{4}[ -]?\d{4}[ -]?\d{4}", _in_aadhaar, r"aadh?aa?r|uidai|uid|आधार"),
    NationalId("IN", r"[A-Z]{5}\d{4}[A-Z]", _in_pan, r"pan"),
    NationalId("TW", r"[A-Z][1289]\d{8}", _tw_number, rf"身[分份]證\w*|{_NAMED_ID}"),
    NationalId("JP", r"\d{4}[ -]?\d{4}[ -]?\d{4}", _jp_number, r"マイナンバー|個人番号|my number"),
    NationalId("KR", r"\d{6}[- ]?[1-8]\d{6}", _kr_number, r"주민\w*|rrn|resident registration"),
    NationalId(
        "TH",
        r"\d[ -]?\d{4}[ -]?\d{5}[ -]?\d{2}[ -]?\d",
        _th_number,
        rf"บัตรประชาชน|ประจำตัว\S*|{_NAMED_ID}",
    ),
    NationalId("MY", r"\d{6}[- ]?\d{2}[- ]?\d{4}", _my_number, r"mykad|nric|kad pengenalan"),
    NationalId("ID", r"\d{16}", _id_number, r"nik|ktp"),
    NationalId("VN", r"\d{12}|\d{9}", _any, r"cccd|cmnd|căn cước\S*"),
    NationalId("AU", r"\d{3}[ -]?\d{3}[ -]?\d{3}", _au_tfn, r"tfn|tax file"),
    NationalId("AU", r"[2-6]\d{3}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?", _au_medicare, r"medicare"),
    NationalId("NZ", r"\d{2,3}[ -]?\d{3}[ -]?\d{3}", _nz_ird, r"ird"),
    NationalId("ZA", r"\d{6} ?\d{4} ?\d{3}", _za_number, rf"south africa\w*|said|{_NAMED_ID}"),
    NationalId(
        "IL", r"\d{9}|\d{8}-\d", _il_number, rf"teudat zehut|ת\.?\"?ז\.?|תעודת זהות|{_NAMED_ID}"
    ),
    NationalId(
        "AT",
        r"\d{4}[ -/]?\d{6}",
        _at_insurance,
        r"svnr|sv-n\w+|sozialversicherung\w*|versicherungs\w+",
    ),
    NationalId("IE", r"\d{7} ?[A-W][A-IW]?", _ie_pps, r"pps\w*"),
    NationalId("CA", r"\d{3}[ -]?\d{3}[ -]?\d{3}", luhn, r"sin|nas|social insurance"),
    NationalId("EG", r"[23]\d{13}", _eg_number, rf"الرقم القومي|{_NAMED_ID}"),
    NationalId("SA", r"[12]\d{9}", luhn, rf"هوية|الهوية|iqama|{_NAMED_ID}"),
    NationalId("NG", r"\d{11}", _any, r"nin|bvn"),
    NationalId("CN", r"\d{17}[\dXx]", _cn_resident, r"身份证\w*"),
    NationalId("SG", r"[STFGM]\d{7}[A-Z]", _sg_number, r"nric|fin"),
    NationalId(
        "GB",
        r"[A-Z]{1,2}\d{6,7}|\d{9}",
        _any,
        r"passport(?: number| no\.?)?|reisepass\w*|passeport|pasaporte|passaporto|паспорт",
    ),
)
"""Numbers that count only beside the words that name them."""

_AFTER = 45
"""Characters between the words and the number at most."""

_NEVER_INSIDE = rf"{NOT_AFTER_WORD}(?<![@#$€£/.+-])(?<!\d[ ,:])"
_NEVER_BEFORE = rf"{NOT_BEFORE_WORD}(?![@-])(?![.,/:]\d)(?! ?\d)"
_STANDING_SHAPE = re.compile(
    rf"{_NEVER_INSIDE}(?=[A-Z]{{0,6}}-?\d)"
    rf"(?:{'|'.join(f'(?P<n{i}>{kind.shape})' for i, kind in enumerate(STANDING))}){_NEVER_BEFORE}"
)
_NAMED_SHAPES = tuple(
    re.compile(rf"{_NEVER_INSIDE}(?:{kind.shape}){_NEVER_BEFORE}") for kind in NAMED
)
_NAMES = tuple(
    re.compile(rf"(?i){NOT_AFTER_WORD}(?:{kind.words}){NOT_BEFORE_WORD}") for kind in NAMED
)
_EVERY_NAME = "|".join(dict.fromkeys(kind.words for kind in NAMED))
_ANY_NAME = re.compile(rf"(?i){NOT_AFTER_WORD}(?:{_EVERY_NAME}){NOT_BEFORE_WORD}")
_MAY = re.compile(r"\d(?:[ .\-/+]?\d){4}|[A-Z]{2,6}\d\d")


def _compact(text: str) -> str:
    return re.sub(r"[^0-9A-ZÑ&]", "", text.upper())


def _standing(match: re.Match[str]) -> Place | None:
    """Where a number stands that is proved by itself, if any of its shapes is."""
    before = match.string[max(0, match.start() - 40) : match.start()]
    if named_otherwise(before):
        return None
    # Bare digits may be a moment, and in a row of numbers they are one of them.
    if is_moment(match[0]):
        return None
    if match[0].replace(" ", "").isdigit() and stands_in_table(match.string, *match.span()):
        return None
    number = _compact(match[0])
    for kind, shape in zip(STANDING, _STANDING_ALONE, strict=True):
        if shape.fullmatch(match[0]) and kind.check(number):
            return match.span()
    return None


_STANDING_ALONE = tuple(re.compile(kind.shape) for kind in STANDING)


def _named(match: re.Match[str]) -> Place | None:
    """Where the number stands that words before it name, if one of their kinds proves it."""
    first = max(0, match.start() - _AFTER - 20)
    for name in _ANY_NAME.finditer(match.string, first, match.start()):
        place = _after_name(match, name)
        if place is not None:
            return place
    return None


def _after_name(match: re.Match[str], name: re.Match[str]) -> Place | None:
    for kind, words, shape in zip(NAMED, _NAMES, _NAMED_SHAPES, strict=True):
        if not words.fullmatch(name[0]):
            continue
        number = shape.search(match.string, name.end(), match.end() + 25)
        if number is None or number.start() - name.end() > _AFTER:
            continue
        if kind.check(_compact(number[0])):
            return number.span()
    return None


NATIONAL_IDS = (
    Identifier("national_id", _MAY, proof=_named),
    Identifier("national_id", _STANDING_SHAPE, proof=_standing, needs=_MAY),
)
