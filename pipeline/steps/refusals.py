"""This file is where an AI that declines instead of writing is recognised, in many languages."""

import re

# Only "I cannot" with what an assistant says it cannot do: a page may well write "we cannot wait".
REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial|language model)|\blanguage model\b|\bsprachmodell\b"
    r"|\bals (?:eine )?(?:ki\b|künstliche intelligenz)"
    r"|\b(?:modelo|modèle|modello) (?:de |di )?(?:lenguaje|langage|linguagem|linguaggio)"
    r"|\bcomo (?:una? )?(?:ia|inteligencia artificial|inteligência artificial)\b"
    r"|\ben tant qu['’](?:ia|intelligence artificielle)\b|\bcome (?:ia|intelligenza artificiale)\b"
    r"|языков\w+ модел|мовн\w+ модел|model(?:em|u)? językow|taalmodel|språkmodell|dil modeli"
    r"|语言模型|語言模型|言語モデル|언어 ?모델|نموذج لغوي|भाषा मॉडल"
    r"|\b(?:i|we) (?:can(?:no|['’])t|can not|could(?: not|n['’]t)|am unable to|['’]m unable to"
    r"|am not able to|['’]m not able to|won['’]t be able to) (?:help|assist|write|create|generate"
    r"|fulfil|comply|provide|do that|continue)"
    r"|\bi['’]?(?:m| am) (?:really |very )?sorry,? but i\b|\bi must decline\b"
    r"|\b(?:i|we) (?:cannot|can['’]t) (?:do|discuss|process) (?:that|this)\b"
    # German, Dutch, Scandinavian
    r"|\bich (?:kann|darf|möchte) (?:\w+ ){0,4}?nicht (?:dabei |damit |weiter|bei \w+ \w+ )?"
    r"(?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen|schreiben|erstellen|verfassen)"
    r"|\bkann ich (?:\w+ ){0,4}?nicht (?:dabei |damit |weiter)?"
    r"(?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen|schreiben|erstellen|verfassen)"
    r"|\bik kan (?:\w+ ){0,4}?niet (?:\w+ )?(?:helpen|schrijven|assisteren)"
    r"|\bjag kan (?:\w+ )?inte (?:hjälpa|skriva)|\bjeg kan (?:\w+ )?ikke (?:hjelpe|hjælpe|skrive)"
    # Romance
    r"|\bno (?:puedo|podemos|me es posible) (?:ayudar|asistir|escribir|cumplir|generar)"
    r"|\bnão (?:posso|consigo|podemos) (?:\w+ )?(?:ajudar|auxiliar|escrever|atender|fornecer|gerar)"
    r"|\bje ne (?:peux|puis|suis) pas (?:en mesure )?(?:de )?(?:vous |t['’])?"
    r"(?:aider|écrire|rédiger|répondre|fournir|générer)"
    r"|\bnon (?:posso|sono in grado di) (?:aiutar|assister|scriver|fornir|generar|soddisfar)"
    r"|\bnu (?:te|vă|pot) (?:pot )?(?:să )?(?:ajut|scriu)"
    # Slavic and others
    r"|\bnie mogę (?:\w+ ){0,3}(?:pomóc|napisać|spełnić)|\bnemohu (?:\w+ )?(?:pomoci|napsat)"
    r"|не (?:могу|можу|в состоянии) (?:\w+ ){0,2}(?:помочь|выполнить|написать|допомогти|виконати)"
    r"|\bnem tudok (?:\w+ )?segíteni|\byardımcı olam(?:am|ıyorum)|δεν μπορώ να (?:\w+ )?βοηθήσω"
    r"|\b(?:saya )?tidak (?:dapat|bisa) (?:membantu|menulis)|\btôi không thể (?:giúp|hỗ trợ|viết)"
    r"|\bhindi (?:ko|kita|po kita) (?:\w+ )?(?:matutulungan|kayang tulungan)"
    r"|(?:无法|不能|沒辦法|无法为您)(?:帮助|协助|提供|幫助|協助|帮您|幫您)"
    r"|お(?:手伝い|応え|答え)(?:することは)?できま(?:せん|しかねます)|お手伝いできかねます"
    r"|도와드릴 수 (?:가 )?없|도움을 드릴 수 없"
    r"|मदद नहीं कर सकत|لا (?:أستطيع|يمكنني) (?:مساعد|كتابة|تقديم)|לא (?:יכול|יכולה|אוכל) לעזור"
    r"|ไม่สามารถช่วย|সাহায্য করতে পার(?:ছি|ব) না",
    re.IGNORECASE,
)
