"""This file is where an AI that declines instead of writing is recognised, in many languages."""

from pipeline.steps.wording import Wording

# Only "I cannot" with what an assistant says it cannot do: a page may well write "we cannot wait".
REFUSAL = Wording(
    words=(
        r"as an? (?:ai|artificial|language model)|language model\b|sprachmodell\b"
        r"|als (?:eine )?(?:ki\b|künstliche intelligenz)"
        r"|(?:modelo|modèle|modello) (?:de |di )?(?:lenguaje|langage|linguagem|linguaggio)"
        r"|como (?:una? )?(?:ia|inteligencia artificial|inteligência artificial)\b"
        r"|en tant qu['’](?:ia|intelligence artificielle)\b|come (?:ia|intelligenza artificiale)\b"
        r"|(?:i|we) (?:can(?:no|['’])t|can not|could(?: not|n['’]t)|am unable to"
        r"|['’]m unable to|am not able to|['’]m not able to|won['’]t be able to) (?:help"
        r"|assist|write|create|generate|fulfil|comply|provide|do that|continue)"
        r"|i['’]?(?:m| am) (?:really |very )?sorry,? but i\b|i must decline\b"
        r"|(?:i|we) (?:cannot|can['’]t) (?:do|discuss|process) (?:that|this)\b"
        # German, Dutch, Scandinavian
        r"|ich (?:kann|darf|möchte) (?:\w+ ){0,4}?nicht (?:dabei |damit |weiter"
        r"|bei \w+ \w+ )?(?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen|schreiben"
        r"|erstellen|verfassen)"
        r"|kann ich (?:\w+ ){0,4}?nicht (?:dabei |damit |weiter)?(?:helfen|weiterhelfen"
        r"|unterstützen|beantworten|erfüllen|schreiben|erstellen|verfassen)"
        r"|ik kan (?:\w+ ){0,4}?niet (?:\w+ )?(?:helpen|schrijven|assisteren)"
        r"|jag kan (?:\w+ )?inte (?:hjälpa|skriva)|jeg kan (?:\w+ )?ikke (?:hjelpe|hjælpe|skrive)"
        # Romance
        r"|no (?:puedo|podemos|me es posible) (?:ayudar|asistir|escribir|cumplir|generar)"
        r"|não (?:posso|consigo|podemos) (?:\w+ )?(?:ajudar|auxiliar|escrever|atender|fornecer"
        r"|gerar)"
        r"|je ne (?:peux|puis|suis) pas (?:en mesure )?(?:de )?(?:vous |t['’])?(?:aider|écrire"
        r"|rédiger|répondre|fournir|générer)"
        r"|non (?:posso|sono in grado di) (?:aiutar|assister|scriver|fornir|generar|soddisfar)"
        r"|nu (?:te|vă|pot) (?:pot )?(?:să )?(?:ajut|scriu)"
        # Slavic and others
        r"|nie mogę (?:\w+ ){0,3}(?:pomóc|napisać|spełnić)|nemohu (?:\w+ )?(?:pomoci|napsat)"
        r"|nem tudok (?:\w+ )?segíteni|yardımcı olam(?:am|ıyorum)"
        r"|(?:saya )?tidak (?:dapat|bisa) (?:membantu|menulis)|tôi không thể (?:giúp|hỗ trợ"
        r"|viết)"
        r"|hindi (?:ko|kita|po kita) (?:\w+ )?(?:matutulungan|kayang tulungan)"
    ),
    anywhere=(
        r"языков\w+ модел|мовн\w+ модел|model(?:em|u)? językow|taalmodel|språkmodell|dil modeli"
        r"|语言模型|語言模型|言語モデル|언어 ?모델|نموذج لغوي|भाषा मॉडल"
        r"|не (?:могу|можу|в состоянии) (?:\w+ ){0,2}(?:помочь|выполнить|написать|допомогти"
        r"|виконати)"
        r"|δεν μπορώ να (?:\w+ )?βοηθήσω|(?:无法|不能|沒辦法|无法为您)(?:帮助|协助|提供|幫助|協助"
        r"|帮您|幫您)"
        r"|お(?:手伝い|応え|答え)(?:することは)?できま(?:せん|しかねます)|お手伝いできかねます"
        r"|도와드릴 수 (?:가 )?없|도움을 드릴 수 없"
        r"|मदद नहीं कर सकत|لا (?:أستطيع|يمكنني) (?:مساعد|كتابة|تقديم)|לא (?:יכול|יכולה|אוכל) לעזור"
        r"|ไม่สามารถช่วย|সাহায্য করতে পার(?:ছি|ব) না"
    ),
)
