#!/usr/bin/env python3
"""Writes the sentences that are synthesised: English numbers, dates, times and short commands.

usage: texts.py --count 15000 --seed 2026 > texts.tsv

Each line: kind, text (lower case a-z, apostrophe and space: what the model shall write), and the
same as it is spoken: commas are pauses, a capital is the name of a letter. The same arguments write
the same lines.
"""

import argparse
import random
import re

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
IRREGULAR_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
MONTHS = (
    "january february march april may june july august september october november december".split()
)
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # upper case: the letter's name is spoken
PHONETIC = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar"
    " papa quebec romeo sierra tango uniform victor whiskey x-ray yankee zulu".split()
)
RANKS = "ace two three four five six seven eight nine ten jack queen king".split()
SUITS = "clubs diamonds hearts spades".split()
ROOMS = "kitchen|bedroom|bathroom|living room|hallway|garage|office|garden|basement|washroom".split(
    "|"
)
NAMES = (
    "john mary david sarah michael anna peter laura robert emma james alice thomas julia george"
    " lisa henry susan mark nancy paul karen daniel mom dad".split()
)
PLACES = (
    "the office|home|work|the airport|the station|the hospital|main street|the city center"
    "|the nearest gas station|the hotel|the library|the supermarket|the park|school".split("|")
)
COLOURS = "red green blue white yellow orange purple pink black brown".split()

# Every word here is also spoken alone, so that the model hears it without its usual neighbours.
WORDS = (
    "yes no stop go on off up down left right start cancel okay help repeat back next previous"
    " pause play continue resume enter exit quit open close save delete undo redo copy paste cut"
    " send call answer hang dial mute louder quieter record hello goodbye thanks please sorry"
    " correct wrong confirm again more less forward backward follow learn visual bed bird cat dog"
    " happy house tree wow marvin sheila lights music volume temperature heating camera door window"
    " navigate home menu settings search select scroll zoom rotate turn move run walk jump wait"
    " faster slower higher lower begin end finish ready activate deactivate enable disable"
    " emergency police fire doctor operator sales support billing today tomorrow yesterday morning"
    " afternoon evening night noon midnight now later never always plus minus times equals point"
    " percent dollars cents euros pounds meters miles degrees seconds minutes hours days weeks"
    " months years hundred thousand million billion oh half quarter double triple pound star"
    " robot erase rubout first last message number extension password mailbox status location"
    " weather news alarm timer calendar meeting lunch dinner breakfast coffee water shoes"
    " newspaper juice socks phone computer television radio lamp fan washer"
).split()

# Fixed commands, and templates whose {slots} are filled below.
COMMANDS = {
    "home": """
        turn {onoff} the {device}|turn the {device} {onoff}|switch {onoff} the {device}
        turn {onoff} the {device} in the {room}|switch the {room} {device} {onoff}
        set the temperature to {degrees} degrees|set the {room} to {degrees} degrees
        make the {room} {colour}|set the lights to {colour}|dim the lights to {percent} percent
        increase the {quantity}|decrease the {quantity}|turn {updown} the {quantity}
        turn {updown} the heat in the {room}|turn the {quantity} {updown}
        raise the {quantity} by {percent} percent|lower the {quantity} to {percent} percent
        open the {opening}|close the {opening}|lock the door|unlock the front door|lights {onoff}
        bring me the {thing}|bring me my {thing}|get me the {thing}|it's too {toowhat} in here
        is the {opening} open|is the {device} on|open the blinds|close the curtains
        change the language to {language}|set language to {language}|use {language} as main language
    """,
    "media": """
        play music|play some {genre}|play the {nth} song|next song|previous song|skip this song
        skip {small} songs|play it again|stop the music|pause the music|resume the music
        volume {updown}|volume {percent} percent|set the volume to {small}|turn the volume {updown}
        mute the sound|turn off the sound|make it {louder}|channel {channel}|go to channel {channel}
        switch to channel {channel}|fast forward {small} minutes|rewind {small} seconds
        start recording|stop recording|take a picture|take a photo|shuffle the playlist
        that's too loud|it's too quiet|i can't hear it|repeat this song|record the show at {hour}
    """,
    "telephone": """
        call {name}|call {name} at {place}|please call {name} at {place}|phone {name}|hang up
        answer the call|reject the call|end the call|put the call on hold|redial|call back
        call the police|call an ambulance|call emergency services|dial {digits3}
        dial extension {digits3}|call extension {digits4}|transfer me to extension {digits3}
        press {digit} for {department}|press {digit}|for {department} press {digit}
        please hold the line|leave a message|play my messages|delete this message|save this message
        you have {small} new messages|send a message to {name}|read my messages|i want an operator
        enter your password|enter your pin|my pin is {digits4}|the code is {digits4}
        my extension is {digits4}|the conference is locked|connect me to {department}
    """,
    "robot": """
        go {direction}|go {direction} {small} {step}|move {direction} {small} {step}
        turn {side}|turn {side} {angle} degrees|turn around|rotate {angle} degrees
        go {direction} {small} {step}
        move {direction}|drive {direction} {small} {step}|back up {small} {step}|stop right there
        pick up the {colour} {object}|put down the {object}|drop the {object}|follow me|come here
        go to the {room}|go back to the base|return home|speed up|slow down|full speed|half speed
        move the arm {updown}|raise the arm {angle} degrees|open the gripper|close the gripper
        find the {colour} {object}|take {small} steps {direction}|wait {small} seconds|sit down
        stand up|emergency stop|halt|go {direction} and turn {side}|turn {side} then go {direction}
    """,
    "navigation": """
        navigate to {where}|take me to {where}|drive to {where}|show me the way to {where}
        turn {side} in {distance}|at the next {crossing} turn {side}|in {distance} turn {side}
        keep {side}|go straight ahead|make a u turn|take the {nth} exit|continue for {distance}
        how far is {where}|find the nearest {poi}|where is the nearest {poi}|cancel the route
        what is the traffic like|avoid toll roads|zoom in|zoom out|you have arrived
        turn {side} on {ordinal} street|go to {ordinal} avenue
    """,
    "assistant": """
        what time is it|what's the time|what day is it today|what is today's date|what's the weather
        what is the weather {when}|will it rain {when}|tell me the news|tell me a joke
        set a timer for {small} minutes|set a timer for {small} seconds|set an alarm for {clock}
        wake me up at {clock}|remind me at {clock}|remind me {when}|cancel the alarm|stop the timer
        cancel all alarms|add {item} to the shopping list|add {small} {item} to the list
        what is {number} {operator} {number}|how much is {number} {operator} {number}
        what's on my calendar {when}|schedule a meeting {when} at {clock}|good morning|good night
        thank you|thank you very much|yes please|no thanks|no thank you|never mind|that's right
        that's wrong|i don't know|i don't understand|say that again|can you repeat that|okay
        could you help me|help me please|start over|try again|please wait|one moment please
        how are you|are you ready|i am ready|let's go|not now|of course|all right|yes it is
        hello world|hello how are you|see you later|good afternoon|good evening|excuse me
    """,
    "computer": """
        open the {menu}|close the {menu}|open a new {document}|save the {document}
        delete the {document}|print the {document}|print page {small}|go to page {number}
        go to line {number}|select all|select {small} lines|delete the last {small} words
        scroll {updown}|page {updown}|new line|new paragraph|undo that|copy this|paste it here
        search for {item}|next page|previous page|go back|go home|log in|log out|restart|shut down
        enter {letter} {letter} {digit} {digit}|erase {letter} {digit} {letter}|rubout {letter}
        repeat|start|stop|enter {digits3}|rubout {digits3}|row {small} column {small}
        version {decimal}|step {number}|option {letter}|item {number}|room {number}
        gate {letter} {small}
        flight {digits3}|flight number {digits4}|track {number}|level {small}|number {number}
    """,
}  # fmt: skip

SLOTS = {
    "onoff": "on|off",
    "updown": "up|down",
    "side": "left|right",
    "direction": "forward|backward|left|right|forwards|backwards|up|down|straight",
    "step": "meter|meters|steps|feet|inches|centimeters|yards",
    "device": "lights|light|lamp|heating|fan|television|radio|music|coffee machine|camera"
    "|air conditioning|washing machine|alarm",
    "room": "|".join(ROOMS),
    "colour": "|".join(COLOURS),
    "quantity": "volume|temperature|brightness|heat|heating|sound|speed|music",
    "opening": "door|window|garage|gate|front door|back door|blinds|curtains",
    "thing": "newspaper|shoes|juice|socks|phone|keys|glasses|book|water",
    "toowhat": "hot|cold|dark|bright|loud",
    "language": "english|german|chinese|korean|spanish|french|italian",
    "genre": "rock|jazz|classical music|pop songs|music|country music",
    "louder": "louder|quieter|softer",
    "name": "|".join(NAMES),
    "place": "home|work|the office",
    "department": "sales|support|billing|the operator|an operator|customer service|the directory"
    "|accounting|english|spanish|more options",
    "object": "box|ball|cup|block|cube|bottle|tool",
    "where": "|".join(PLACES),
    "crossing": "intersection|corner|traffic light|roundabout|exit",
    "poi": "gas station|restaurant|parking lot|hospital|bank|hotel|pharmacy",
    "when": "today|tomorrow|tonight|on monday|on friday|this weekend|next week|this afternoon",
    "item": "apples|milk|bread|eggs|bananas|coffee|potatoes|oranges|tomatoes",
    "operator": "plus|minus|times|divided by",
    "menu": "menu|file|window|door|browser|settings|calendar|mail",
    "document": "file|document|message|page|folder|picture",
}


def below_hundred(n):
    if n < 10:
        return DIGITS[n]
    if n < 20:
        return TEENS[n - 10]
    return TENS[n // 10] + (" " + DIGITS[n % 10] if n % 10 else "")


def cardinal(n, with_and=False):
    """The words of a whole number below a trillion."""
    if n < 0:
        return "minus " + cardinal(-n, with_and)
    if n < 100:
        return below_hundred(n)
    for value, name in (
        (10**9, "billion"),
        (10**6, "million"),
        (1000, "thousand"),
        (100, "hundred"),
    ):
        if n >= value:
            rest = n % value
            words = cardinal(n // value, with_and) + " " + name
            if not rest:
                return words
            joint = " and " if with_and and (value == 100 or rest < 100) else " "
            return words + joint + cardinal(rest, with_and)
    raise AssertionError(n)


def ordinal(n, with_and=False):
    head, _, last = cardinal(n, with_and).rpartition(" ")
    if last in IRREGULAR_ORDINALS:
        last = IRREGULAR_ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return (head + " " + last).strip()


def year(n, rng):
    """1999: nineteen ninety nine; 2005: two thousand five; 1907: nineteen oh seven."""
    century, rest = divmod(n, 100)
    if 2000 <= n <= 2009:
        return "two thousand" + (rng.choice([" ", " and "]) + DIGITS[rest] if rest else "")
    if rest == 0:
        return below_hundred(century) + " hundred"
    if rest < 10:
        return below_hundred(century) + " oh " + DIGITS[rest]
    if n > 2009 and rng.random() < 0.2:
        return "two thousand" + rng.choice([" ", " and "]) + below_hundred(rest)
    return below_hundred(century) + " " + below_hundred(rest)


def any_number(rng):
    """A whole number whose count of digits, not whose value, is uniform."""
    return rng.randrange(10 ** rng.choice([1, 2, 2, 2, 3, 3, 4]))


def digit_words(rng, count):
    """Digits spoken one by one; zero is `oh`, `zero` or a mix, as people say it."""
    style = rng.choice(["oh", "zero", "mix"])
    words = []
    for _ in range(count):
        digit = rng.randrange(10)
        if digit == 0:
            words.append(rng.choice(["oh", "zero"]) if style == "mix" else style)
        else:
            words.append(DIGITS[digit])
    return words


def digits(rng):
    count = rng.choice([1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 7, 7, 8])
    words = digit_words(rng, count)
    if count > 3 and rng.random() < 0.15:
        at = rng.randrange(count - 1)
        words[at : at + 2] = [rng.choice(["double", "triple"]), words[at + 1]]
    if count > 3 and rng.random() < 0.4:
        words[rng.randrange(1, len(words) - 1)] += ","
    return " ".join(words)


def cardinals(rng):
    size = rng.choice([2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7])
    n = rng.randrange(10 ** (size - 1), 10**size)
    if rng.random() < 0.35:  # round numbers are what people say most
        n = n // 10 ** (size - 2) * 10 ** (size - 2)
    words = cardinal(n, rng.random() < 0.4)
    draw = rng.random()
    if draw < 0.06:
        return "minus " + words
    if draw < 0.1 and 1000 < n < 10000:
        return (
            below_hundred(n // 100) + " hundred" + (" " + below_hundred(n % 100) if n % 100 else "")
        )
    return words


def ordinals(rng):
    words = ordinal(rng.randrange(1, rng.choice([32, 100, 1000])), rng.random() < 0.3)
    pattern = rng.choice(
        ["{}", "{}", "the {}", "the {} of the month", "{} street", "the {} floor", "{} place"]
    )
    return pattern.format(words)


def decimals(rng):
    draw = rng.random()
    if draw < 0.5:
        whole = cardinal(rng.randrange(rng.choice([10, 100, 1000])))
        return whole + " point " + " ".join(digit_words(rng, rng.choice([1, 1, 2, 2, 3])))
    if draw < 0.75:
        return cardinal(rng.randrange(101)) + rng.choice(
            [" percent", " percent", " point five percent"]
        )
    parts = rng.choice(["half", "third", "quarter", "fifth", "eighth", "tenth"])
    count = rng.randrange(1, 8)
    fraction = (
        "a " + parts
        if count == 1
        else DIGITS[count] + " " + ("halves" if parts == "half" else parts + "s")
    )
    return rng.choice(["", cardinal(rng.randrange(1, 60)) + " and "]) + fraction


def money(rng):
    amount = any_number(rng)
    unit, small = rng.choice(
        [("dollar", "cent"), ("dollar", "cent"), ("euro", "cent"), ("pound", "penny")]
    )
    words = f"{cardinal(amount)} {unit}{'' if amount == 1 else 's'}"
    coins = rng.randrange(1, 100)
    coin_unit = small if coins == 1 else ("pence" if small == "penny" else small + "s")
    draw = rng.random()
    if draw < 0.35:
        return f"{words} {rng.choice(['and ', ''])}{cardinal(coins)} {coin_unit}"
    if draw < 0.5:
        return f"{cardinal(coins)} {coin_unit}"
    if draw < 0.6:
        return rng.choice(["it costs ", "transfer ", "the price is ", "i paid "]) + words
    return words


def phone(rng):
    groups = rng.choice([(3, 4), (3, 3, 4), (3, 4), (2, 2, 3), (3,), (4, 4)])
    spoken = []
    for size in groups:
        words = digit_words(rng, size)
        if size == 4 and rng.random() < 0.2:
            words = [below_hundred(rng.randrange(10, 100)), below_hundred(rng.randrange(10, 100))]
        if size == 3 and rng.random() < 0.1:
            words = [DIGITS[rng.randrange(2, 10)], "hundred"]
        spoken.append(" ".join(words))
    number = ", ".join(spoken)
    if len(groups) < 3 and rng.random() < 0.3:
        return (
            rng.choice(["my number is ", "call ", "dial ", "area code ", "the number is "]) + number
        )
    return number


def cards(rng):
    def card():
        return rng.choice(RANKS) + " of " + rng.choice(SUITS)

    draw = rng.random()
    if draw < 0.45:
        return rng.choice(["", "", "the "]) + card()
    if draw < 0.65:
        return card() + rng.choice([" ", ", "]) + card()
    if draw < 0.75:
        return ", ".join([card(), card(), card()])
    if draw < 0.9:
        return rng.choice(RANKS) + " " + rng.choice([card(), rng.choice(RANKS)])
    return rng.choice(["play the ", "show me the ", "i have the ", "take the "]) + card()


def dates(rng):
    day, month = ordinal(rng.randrange(1, 32)), rng.choice(MONTHS)
    when = rng.choice(
        [rng.randrange(1900, 2000), rng.randrange(1950, 2036), rng.randrange(2000, 2036)]
    )
    words = year(when, rng)
    return rng.choice(
        [
            f"the {day} of {month}",
            f"the {day} of {month} {words}",
            f"{month} {day}",
            f"{month} {day}",
            f"{month} {day} {words}",
            f"{month} {day}, {words}",
            f"{month} the {day}",
            f"{day} {month} {words}",
            f"{day} of {month}",
            f"{month} {below_hundred(rng.randrange(1, 32))} {words}",
            f"{month} {words}",
            words,
            f"in {words}",
            f"{rng.choice(WEEKDAYS)} {month} {day}",
            f"{rng.choice(WEEKDAYS)} the {day}",
            f"{rng.choice(WEEKDAYS)} the {day} of {month}",
        ]
    )


def clock(rng):
    hour, minute = rng.randrange(1, 13), rng.randrange(60)
    half_day = rng.choice(
        ["A M", "P M", "P M", "in the morning", "in the evening", "in the afternoon", "", "", ""]
    )
    draw = rng.random()
    if draw < 0.2:
        words = DIGITS[hour] if hour < 10 else TEENS[hour - 10]
        words += rng.choice([" o'clock", " o'clock", ""])
        if not half_day and "o'clock" not in words:
            half_day = rng.choice(["A M", "P M"])
    elif draw < 0.4:
        minute = rng.choice([5, 10, 15, 20, 25, 30])
        name = {15: rng.choice(["quarter", "a quarter"]), 30: "half"}.get(
            minute, below_hundred(minute)
        )
        side = "past" if minute == 30 else rng.choice(["past", "to"])
        words = f"{name} {side} {below_hundred(hour)}"
    elif draw < 0.45:
        return rng.choice(["noon", "midnight", "twelve noon", "half past midnight"])
    elif draw < 0.55:
        hour = rng.randrange(24)
        head = ("oh " + DIGITS[hour] if hour else "zero") if hour < 10 else below_hundred(hour)
        return head + " " + (below_hundred(minute) + " hours" if minute > 9 else "hundred hours")
    else:
        tail = (
            "" if minute == 0 else below_hundred(minute) if minute > 9 else "oh " + DIGITS[minute]
        )
        words = f"{below_hundred(hour)} {tail}".strip()
        if minute == 0:
            words += " o'clock"
    return f"{words} {half_day}".strip()


def times(rng):
    return rng.choice(["", "", "", "", "at ", "it is ", "it's ", "the time is ", "until "]) + clock(
        rng
    )


def calendar(rng):
    day = rng.choice(WEEKDAYS)
    part = rng.choice(["morning", "afternoon", "evening", "night"])
    count = rng.randrange(2, 31)
    unit = rng.choice(["seconds", "minutes", "hours", "days", "weeks", "months", "years"])
    return rng.choice(
        [
            day,
            rng.choice(MONTHS),
            f"{rng.choice(['next', 'last', 'this', 'on', 'every'])} {day}",
            f"{day} {part}",
            rng.choice(["today", "tomorrow", "yesterday"])
            + rng.choice(["", f" {part}", f" at {clock(rng)}"]),
            f"in {below_hundred(count)} {unit}",
            f"{below_hundred(count)} {unit} ago",
            f"{day} at {clock(rng)}",
            f"from {day} to {rng.choice(WEEKDAYS)}",
            f"the {ordinal(rng.randrange(1, 6))} {day} in {rng.choice(MONTHS)}",
            rng.choice(["last", "next", "this"])
            + " "
            + rng.choice(["week", "month", "year", "weekend"]),
        ]
    )


def measures(rng):
    n = any_number(rng)
    unit = rng.choice(
        "meter kilometer mile foot inch gram kilogram liter gallon degree second minute hour day"
        " week month year volt watt centimeter millimeter yard ounce".split()
    )
    plural = {"foot": "feet", "inch": "inches"}.get(unit, unit + "s")
    words = f"{cardinal(n)} {unit if n == 1 else plural}"
    draw = rng.random()
    if draw < 0.25:
        return f"{cardinal(n)} point {DIGITS[rng.randrange(10)]} {plural}"
    if draw < 0.35:
        scale = rng.choice(["celsius", "fahrenheit", "north", "south", "east", "west"])
        return f"{cardinal(rng.randrange(100))} degrees {scale}"
    if draw < 0.45:
        hours, minutes = rng.randrange(2, 13), rng.randrange(2, 60)
        return f"{below_hundred(hours)} hours and {below_hundred(minutes)} minutes"
    return words


def spelling(rng):
    count = rng.choice([1, 1, 2, 3, 3, 4, 4, 5, 6])
    letters = [rng.choice(LETTERS) for _ in range(count)]
    draw = rng.random()
    if draw < 0.45:
        return " ".join(letters)
    if draw < 0.6:
        return " ".join(rng.choice(NAMES + MONTHS + COLOURS).upper()[:8])
    if draw < 0.7:
        return f"{letters[0]} as in {PHONETIC[LETTERS.index(letters[0])]}"
    mixed = letters[:3] + digit_words(rng, rng.randrange(1, 4))
    if draw < 0.85:
        rng.shuffle(mixed)
    return " ".join(mixed)


def phonetic(rng):
    words = [rng.choice(PHONETIC) for _ in range(rng.choice([1, 2, 2, 3, 4]))]
    if rng.random() < 0.35:
        words += [rng.choice(DIGITS[1:] + ["niner"]) for _ in range(rng.randrange(1, 4))]
    return " ".join(words)


def single_word(rng):
    words = (
        WORDS
        + DIGITS
        + DIGITS
        + TEENS
        + TENS[2:]
        + MONTHS
        + WEEKDAYS
        + COLOURS
        + PHONETIC
        + LETTERS
    )
    return rng.choice(words)


def word_list(rng):
    """Words in no order: nothing but the sound tells what they are."""
    words = (
        WORDS + TEENS + TENS[2:] + MONTHS + WEEKDAYS + COLOURS + [ordinal(n) for n in range(1, 21)]
    )
    return " ".join(rng.choice(words) for _ in range(rng.choice([2, 2, 3, 3, 4])))


def command(rng):
    lines = COMMANDS[rng.choice(sorted(COMMANDS))]
    templates = [t.strip() for t in re.split(r"[|\n]", lines) if t.strip()]
    numbers = {
        "small": lambda: below_hundred(rng.choice([rng.randrange(1, 11), rng.randrange(1, 61)])),
        "number": lambda: cardinal(any_number(rng)),
        "percent": lambda: below_hundred(
            rng.choice([rng.randrange(1, 100), 10 * rng.randrange(1, 10)])
        ),
        "degrees": lambda: below_hundred(rng.randrange(10, 90)),
        "angle": lambda: cardinal(rng.choice([10, 15, 20, 30, 45, 60, 90, 120, 180, 270, 360])),
        "channel": lambda: cardinal(rng.randrange(1, 121)),
        "digit": lambda: rng.choice(DIGITS),
        "digits3": lambda: " ".join(digit_words(rng, 3)),
        "digits4": lambda: " ".join(digit_words(rng, 4)),
        "decimal": lambda: f"{DIGITS[rng.randrange(10)]} point {DIGITS[rng.randrange(10)]}",
        "letter": lambda: rng.choice(LETTERS),
        "nth": lambda: ordinal(rng.randrange(1, 11)),
        "ordinal": lambda: ordinal(rng.randrange(1, 100)),
        "clock": lambda: clock(rng),
        "hour": lambda: below_hundred(rng.randrange(1, 13)),
        "distance": lambda: cardinal(rng.choice([50, 100, 200, 300, 500, 800]))
        + rng.choice([" meters", " yards", " feet"]),
    }

    def fill(match):
        slot = match.group(1)
        return numbers[slot]() if slot in numbers else rng.choice(SLOTS[slot].split("|"))

    return re.sub(r"\{(\w+)\}", fill, rng.choice(templates))


# How many sentences of a hundred each kind gives, and how often one sentence may return (with
# other voices).
KINDS = {
    digits: (14, 2), cardinals: (8, 1), ordinals: (4, 3), decimals: (4, 1), money: (3, 1),
    phone: (4, 1), cards: (5, 4), dates: (10, 2), times: (8, 3), calendar: (4, 5), measures: (3, 1),
    command: (17, 4), spelling: (4, 2), phonetic: (2, 2), single_word: (8, 12), word_list: (2, 1),
}  # fmt: skip


def text_of(line):
    """What the model shall write."""
    text = line.lower().replace("-", " ").replace(",", " ")
    text = " ".join(text.split())
    if not re.fullmatch(r"[a-z' ]+", text):
        raise ValueError(
            f"sentence {line!r}: expected only a-z, apostrophe and space, got {text!r}"
        )
    return text


def sentences(count, seed):
    """Returns `count` lines (kind, text, spoken) in a random order that the seed decides."""
    rng = random.Random(seed)
    lines = []
    for kind, (share, most) in KINDS.items():
        seen, wanted = {}, count * share // 100
        while wanted:
            line = kind(rng)
            text = text_of(line)
            if len(text) > 70 or seen.get(text, 0) >= most:
                continue
            seen[text] = seen.get(text, 0) + 1
            lines.append((kind.__name__, text, " ".join(line.split())))
            wanted -= 1
    rng.shuffle(lines)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=15000, help="sentences (default %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=2026, help="of the choice (default %(default)s)"
    )
    arguments = parser.parse_args()
    for line in sentences(arguments.count, arguments.seed):
        print("\t".join(line))


if __name__ == "__main__":
    main()
