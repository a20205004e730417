"""The texts of tools/goldens.py: English, Chinese, emoji, odd characters, from one character to past every limit."""

LONG = ("the cell of the plant turns the light of the sun to sugar , and the root keeps the water that the leaf "
        "needs when the day is long and the air is dry . ") * 6
LONG_HAN = "今天的天气很好，我们去公园里看花，看见了很多小鸟在树上唱歌。" * 8

TEXTS = [
    "a",
    "?",
    "花",
    "🐼",
    "the",
    "Hello, world!",
    "What is a panda?",
    "The giant panda is a bear that lives in the mountains of China and eats bamboo.",
    "大熊猫生活在中国的山里，主要吃竹子。",
    "How many people live in Berlin?",
    "Berlin has a population of about 3.6 million people in 2019.",
    "柏林有多少人口？Berlin 的人口约为360万。",
    "mixed 中文 and English 🙂👍🏽 text — with “quotes”, dashes… and №5",
    "Café naïve ﬁre Ⅳ ½ re\u0301sume\u0301 İstanbul STRASSE ß",
    "tabs\tand\nnew lines\r\nand\u00a0no-break\u3000ideographic spaces",
    "zero\u200bwidth\u200djoin\ufeffers and a control\x07 sign",
    "a literal [SEP] and [MASK] in the text, and [UNK]",
    "unbelievable " + "x" * 120 + " end",
    "0123456789 3.14159 -2e10 $1,000.00 50% #tag @name a_b c-d e/f",
    "กาแฟ кофе قهوة καφές 커피 コーヒー",
    " ".join(["the water of the sea"] * 24),
    " ".join(["of"] * 94),
    " ".join(["of"] * 95),
    " ".join(["of"] * 126),
    " ".join(["of"] * 127),
    LONG,
    LONG_HAN,
]

PAIRS = [
    ("a", "b"),
    ("What is a panda?", "hi"),
    ("What is a panda?",
     "The giant panda (Ailuropoda melanoleuca), sometimes called a panda bear or simply panda, is a bear species "
     "endemic to China."),
    ("How many people live in Berlin?", "Berlin has a population of about 3.6 million people in 2019."),
    ("How many people live in Berlin?", "New York City is famous for the Metropolitan Museum of Art."),
    ("大熊猫吃什么？", "大熊猫生活在中国的山里，主要吃竹子。"),
    ("大熊猫吃什么？", "今天的天气很好，我们去公园里看花。"),
    ("柏林有多少人口？", "Berlin 的人口约为360万。"),
    ("🐼?", "🐼🎋 pandas eat bamboo 👍🏽"),
    ("Café naïve", "re\u0301sume\u0301 ﬁre İstanbul ½ Ⅳ"),
    ("does water boil at 100 °C?", "At sea level, water boils at 100 °C (212 °F); higher up, it boils sooner."),
    ("a literal [SEP] here", "and a [CLS] there"),
    ("tabs\tand\nnew lines", "no-break\u00a0and\u3000ideographic"),
    ("the", LONG),
    (LONG, "the leaf"),
    (LONG, LONG_HAN),
    (LONG_HAN, LONG_HAN),
    ("of", " ".join(["of"] * 124)),
    ("of", " ".join(["of"] * 125)),
    (" ".join(["of"] * 62), " ".join(["of"] * 63)),
    (" ".join(["of"] * 63), " ".join(["of"] * 63)),
    ("same text", "same text"),
]

WORDS = """the of and a to in is was it that for on as with by at from this are be or an have has not they which one
you were all her she there would their we him been who more if no out so what up time people about into than them some
could these two may then do first any my now such like our over man me even most made after also did many before must
through back years where much your way well down should because each just those how too little state good very make
world still see own work long get here between both life being under never day same another know while last might us
great old year off come since against go came right used take three water sea light sun plant cell leaf root sugar air
dry keeps needs turns when live lives has population million berlin panda giant bear bamboo china species new york city
museum art famous text literal hello mixed english quotes tabs lines spaces control sign zero width boil boils level
higher sooner eat eats mountains called sometimes simply ##s ##ing ##ed ##er ##ly ##able ##tion ##al ##en ##es ##or
##ic ##ment ##ness un re in dis pre ##believ ##ar ##an ##on ##it ##is ##us ##um ##le ##th ##st ##nd ##ation ##ity
""".split()
