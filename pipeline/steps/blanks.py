"""This file is where a text is found to have a blank where a name or a fact belongs."""

import re

from pipeline.steps.wording import Wording

NAME = (
    r"(?:(?:your|the|contact'?s?|customer'?s?|client'?s?|first|last|full)[ _-]?)*name|vorname"
    r"|nachname|(?:dein|ihr|kunden)[ -]?name|(?:tu |su )?nombre|(?:seu |il tuo )?nome|prénom"
    r"|(?:votre )?nom|имя|фамилия|ім['’]я|imię|imi[ęe] klienta|naam|voornaam|navn|namn|isim|adınız"
    r"|nama|tên|όνομα|이름|(?:您的)?(?:名前|姓名|名字)|الاسم|اسم|שם|नाम|ชื่อ"
)
HELLO = (
    r"hi|hello|hey|dear|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|moin"
    r"|liebe[rs]?|servus|hola|buen[oa]s (?:d[ií]as|tardes|noches)|ol[áa]|oi|bom dia|boa tarde"
    r"|bonjour|bonsoir|salut|coucou|ciao|buongiorno|buonasera|salve|cze[śs][ćc]|dzie[ńn] dobry"
    r"|witaj|hoi|beste|goedendag|hej|hei|ahoj|dobrý den|szia|bună|merhaba|selam|halo|xin chào"
    r"|chào|привет|здравствуйте|добрый день|привіт|вітаю|добрий день|γεια σας?|καλημέρα|مرحبا"
    r"|مرحبًا|أهلا|שלום|नमस्ते|สวัสดี"
)
# Words that nobody ends a greeting with: "Dear ," has lost its name.
DEAR = (
    r"dear|sehr geehrte[rs]?|liebe[rs]?|estimad[oa]|querid[oa]|prezad[oa]|chère?|gentile|drog[ia]"
    r"|szanown[ya]|beste|geachte|kära|kjære|kære|уважаем(?:ый|ая)|дорог(?:ой|ая)|шановн(?:ий|а)"
    r"|sayın|sevgili|αγαπητ[έή]|عزيزي|प्रिय"
)
# Without one of these FIELD finds nothing.
MAY_BE_A_FIELD = re.compile(r"[\[{<%_X]|Name")
FIELD = re.compile(
    r"\[[^\[\]\n]{0,60}[^\W\d][^\[\]\n]{0,60}\]"
    r"|\{[^{}\n]{1,60}\}"
    r"|<[^\W\d][^<>\n]{0,60}>"
    r"|%[A-Za-z_]{2,40}%"
    r"|_{3,}|\bX{4,}\b"
    r"|\b(?:first|last|full|sender|contact|customer|user|page|company|business)_name\b"
    r"|\b(?:first|last|full|sender|contact|customer|user|page|company)Name\b"
)
PATTERNS = (
    re.compile(rf"[(«‹＜（【〔]\s*(?:{NAME})\s*[)»›＞）】〕]", re.IGNORECASE),
    re.compile(r"[$@#]\{?(?:[a-z]+_)*(?:name|contact|customer|client|sender|recipient)\b", re.I),
    # Not before a colon: a form to fill in asks for names like that.
    re.compile(rf"^(?:{NAME})\s*[,!]", re.I | re.MULTILINE),
    # A blank before the comma; only French and its neighbours have one before "!".
    re.compile(rf"^[^\w\n]{{0,12}}(?:{HELLO})\s+,", re.I | re.MULTILINE),
    re.compile(
        r"^[^\w\n]{0,12}(?:hi|hello|hey|dear|hallo|hola|ol[áa]|oi|ciao|hej|merhaba|привет)\s+!",
        re.I | re.MULTILINE,
    ),
    re.compile(rf"^[^\w\n]{{0,12}}(?:{DEAR})\s*[,!:]", re.I | re.MULTILINE),
)
GREETED = Wording(rf"(?:{HELLO}),?\s+(?:{NAME})\s*(?:[,!.:;?]|\s[–-]|$)", flags=re.MULTILINE)
ANYBODY = Wording(
    words=(
        r"(?:dear|hi|hello|hey)[ ,]+(?:(?:valued|dear|esteemed|our) )*(?:customer|client|user"
        r"|buyer|shopper|recipient|contact|sir\b|madam\b)"
        r"|(?:sehr geehrte[rs]?|liebe[rs]?|werte[rs]?|hallo) (?:kund(?:e|in|en)\b|damen und herren)"
        r"|(?:estimad|querid|apreciad)[oa](?:[/(]a\)?)? (?:cliente|usuari)|hola,? cliente\b"
        r"|(?:prezad|car|estimad)[oa](?:[/(]a\)?)? (?:cliente|usu[áa]ri|client)|olá,? cliente\b"
        r"|ch(?:er|ère)(?:\(e\))? client|madame, monsieur|bonjour,? client"
        r"|(?:gentile|caro|cara|spettabile) client|(?:drogi|droga|szanown[ya]) klien"
        r"|(?:beste|geachte) klant|k[äæ]ra kund|kjære kunde|kære kunde|vážený zákazní"
        r"|tisztelt (?:ügyfel|vásárl)|stimat[ăe] client|(?:sayın|değerli) müşteri"
        r"|pelanggan (?:yang )?terhormat|kính gửi quý khách"
    ),
    anywhere=(
        r"уважаем(?:ый|ая) (?:клиент|покупател)|дорог(?:ой|ая) (?:клиент|покупател)"
        r"|шановн(?:ий|а) (?:клієнт|покуп)|αγαπητέ πελάτη|尊敬的(?:客户|顾客|用户)|亲爱的(?:客户"
        r"|顾客|用户)"
        r"|親愛的(?:客戶|顧客)|お客様各位|고객님께|عزيزي العميل|عميلنا العزيز|प्रिय ग्राहक"
    ),
)


def has_blank(text: str, name: str) -> bool:
    """Whether a name is missing, or stands as a word for one.

    "Dear customer" is a blank only for a contact with a `name`; nobody else can be called better.
    """
    for word in filter(str.isalpha, name.split()):
        text = text.replace(word, "Anna")  # who is called Nom or Client is
    if MAY_BE_A_FIELD.search(text) and FIELD.search(text):
        return True
    if GREETED.is_in(text) or any(pattern.search(text) for pattern in PATTERNS):
        return True
    return any(map(str.isalpha, name)) and ANYBODY.is_in(text)
