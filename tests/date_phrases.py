"""Facts and questions with the days they talk about, by the day they were said; and facts that name no day.

A row is `text | precision first day [last day]`. All of it was written down before the code that reads it.
"""

from __future__ import annotations

from datetime import date

# A Wednesday. Its week is 10 to 16 March, the next one 17 to 23 March.
WEDNESDAY = date(2025, 3, 12)
SAID_ON_WEDNESDAY = """
Flies to Rome next month | month 2025-04-01 2025-04-30
Dentist appointment is on Tuesday at 3 | day 2025-03-18
Started at Acme in March 2024 | month 2024-03-01 2024-03-31
Exam is on 12 June | day 2025-06-12
Wedding is in two weeks | week 2025-03-24 2025-03-30
Was in Lisbon from 3 to 9 May | period 2024-05-03 2024-05-09
Moved last week | week 2025-03-03 2025-03-09
Quit smoking in 2019 | year 2019-01-01 2019-12-31
Birthday is 4 May | day 2025-05-04
Met Ana on Tuesday | day 2025-03-11
Meets Ana on Tuesday | day 2025-03-18
Went skiing in January | month 2025-01-01 2025-01-31
Adopted a kitten yesterday | day 2025-03-11
Has a date tonight | day 2025-03-12
Has an interview tomorrow at 10am | day 2025-03-13
Flies home the day after tomorrow | day 2025-03-14
Arrived the day before yesterday | day 2025-03-10
Slept badly last night | day 2025-03-11
Has to see the dentist this afternoon | day 2025-03-12
Has a deadline tomorrow morning | day 2025-03-13
Is in Berlin this week | week 2025-03-10 2025-03-16
Runs a half marathon next week | week 2025-03-17 2025-03-23
Is moving this month | month 2025-03-01 2025-03-31
Was promoted last month | month 2025-02-01 2025-02-28
Plans to retire next year | year 2026-01-01 2026-12-31
Bought a house last year | year 2024-01-01 2024-12-31
Wants to run a marathon this year | year 2025-01-01 2025-12-31
Parents are visiting this weekend | period 2025-03-15 2025-03-16
Hiked in the Alps last weekend | period 2025-03-08 2025-03-09
Goes camping next weekend | period 2025-03-22 2025-03-23
Is going to a festival at the weekend | period 2025-03-15 2025-03-16
Painted the kitchen over the weekend | period 2025-03-08 2025-03-09
Has a concert this Friday | day 2025-03-14
Has a job interview next Friday | day 2025-03-21
Met Tom for lunch last Friday | day 2025-03-07
Has a parents' evening next Tuesday | day 2025-03-18
Starts a new job on Monday | day 2025-03-17
Got a parking ticket on Monday | day 2025-03-10
Saw the doctor on Wednesday | day 2025-03-05
Sees the doctor on Wednesday | day 2025-03-19
Leaves for Oslo in 3 days | day 2025-03-15
Gets braces in a month | month 2025-04-01 2025-04-30
Is due to give birth in three months | month 2025-06-01 2025-06-30
Lost a tooth 3 days ago | day 2025-03-09
Broke up with Sam a couple of weeks ago | week 2025-02-24 2025-03-02
Had knee surgery six months ago | month 2024-09-01 2024-09-30
Moved to Canada five years ago | year 2020-01-01 2020-12-31
Stopped drinking a year ago | year 2024-01-01 2024-12-31
Father died ten years ago | year 2015-01-01 2015-12-31
Called mum two hours ago | day 2025-03-12
Bought a bike a few days ago | period 2025-03-08 2025-03-10
Started therapy a few weeks ago | period 2025-02-10 2025-03-02
Is moving out in a few days | period 2025-03-14 2025-03-16
Rent is due at the end of the month | period 2025-03-25 2025-03-31
Expects a baby early next year | period 2026-01-01 2026-04-30
Is going to Greece this summer | season 2025-06-01 2025-08-31
Learned to ski last winter | season 2024-12-01 2025-02-28
Wants to learn to surf next summer | season 2025-06-01 2025-08-31
Was in Greece last summer | season 2024-06-01 2024-08-31
Is getting married in the autumn | season 2025-09-01 2025-11-30
Daughter starts school this fall | season 2025-09-01 2025-11-30
Graduated in the spring | season 2025-03-01 2025-05-31
Takes the bar exam in mid-June | period 2025-06-11 2025-06-20
Has to hand in the thesis by Friday | day 2025-03-14
Has lived in Oslo since 2019 | year 2019-01-01 2019-12-31
Has been vegan since January | month 2025-01-01 2025-01-31
Has had a cold since Monday | day 2025-03-10
Is in Rome until Friday | day 2025-03-14
Product launches in Q3 2025 | period 2025-07-01 2025-09-30
Changes teams next quarter | period 2025-04-01 2025-06-30
Bonus is paid in the fourth quarter of 2025 | period 2025-10-01 2025-12-31
Passport expires on 2027-08-30 | day 2027-08-30
Visa runs out on 31/10/2025 | day 2025-10-31
Appointment is on 12/06/2025 | day 2025-06-12
Flight is on 06/25/2025 | day 2025-06-25
Lease ends on 30.09.2025 | day 2025-09-30
Wedding is on June 12th, 2025 | day 2025-06-12
Wedding was on Saturday, 7 September 2024 | day 2024-09-07
Rehearsal dinner is on Friday, June 13 | day 2025-06-13
Rent is due on the 1st | day 2025-04-01
Got paid on the 5th | day 2025-03-05
Has an MRI scan on the 27th at 8 am | day 2025-03-27
Flies to Boston on the 4th of July | day 2025-07-04
Is in Paris at Christmas | day 2025-12-25
Got a puppy for Christmas | day 2024-12-25
Proposed to Lena on New Year's Eve | day 2024-12-31
Throws a party on New Year's Eve | day 2025-12-31
Is hosting dinner on Christmas Eve | day 2025-12-24
Parents visit at Easter | day 2025-04-20
Was in Spain over Easter last year | day 2024-03-31
Goes home for Thanksgiving | day 2025-11-27
Has a costume party on Halloween | day 2025-10-31
Got engaged on Valentine's Day | day 2025-02-14
Sister Maya gets married in June | month 2025-06-01 2025-06-30
Sister Maya got married in June | month 2024-06-01 2024-06-30
Son Leo was born on 3 November 2021 | day 2021-11-03
Was born in 1988 | year 1988-01-01 1988-12-31
Birthday is on 1 February | day 2026-02-01
Birthday is in July | month 2025-07-01 2025-07-31
Mother's birthday is June 3rd | day 2025-06-03
Turns 40 in October | month 2025-10-01 2025-10-31
Turned 30 in October | month 2024-10-01 2024-10-31
Anniversary is on May 20th | day 2025-05-20
Dog Rex died in August | month 2024-08-01 2024-08-31
Will move to Madrid in September | month 2025-09-01 2025-09-30
Is flying to Tokyo on May 3 | day 2025-05-03
Flew to Tokyo on May 3 | day 2024-05-03
Ran the Berlin marathon in September 2023 | month 2023-09-01 2023-09-30
Visited Japan in the summer of 2018 | season 2018-06-01 2018-08-31
Worked in Dublin in winter 2020 | season 2020-12-01 2021-02-28
Studied in Leeds from 2015 to 2019 | period 2015-01-01 2019-12-31
Worked at Shell between 2010 and 2014 | period 2010-01-01 2014-12-31
Is on holiday from 28 April to 3 May | period 2025-04-28 2025-05-03
Is in Vienna from Monday to Thursday | period 2025-03-17 2025-03-20
Conference is on 3-5 June | period 2025-06-03 2025-06-05
Conference was May 14–16, 2024 | period 2024-05-14 2024-05-16
Is on parental leave from May to August | period 2025-05-01 2025-08-31
Finished the course in late February | period 2025-02-21 2025-02-28
Travels to India in early November | period 2025-11-01 2025-11-10
Mortgage ends at the end of 2026 | period 2026-12-01 2026-12-31
Vacation starts at the beginning of August | period 2025-08-01 2025-08-07
Has a review at the end of next week | period 2025-03-21 2025-03-23
Wants to switch jobs later this year | period 2025-03-12 2025-12-31
Had the flu earlier this month | period 2025-03-01 2025-03-12
Has a meeting on Thursday next week | day 2025-03-20
Has a meeting next week on Thursday | day 2025-03-20
Inspection is on the 15th of next month | day 2025-04-15
Met Paul in June last year | month 2024-06-01 2024-06-30
Baby is due in February next year | month 2026-02-01 2026-02-28
Trip to Peru is the week after next | week 2025-03-24 2025-03-30
Crashed the car the week before last | week 2025-02-24 2025-03-02
Visa interview is a week from Friday | day 2025-03-21
Moves in two weeks from today | day 2025-03-26
Class reunion is on the first Saturday in May | day 2025-05-03
Booked a flight to Lisbon for May | month 2025-05-01 2025-05-31
Booked a table for Friday | day 2025-03-14
Surgery is scheduled for 22 April | day 2025-04-22
Has tickets for the opera on Sunday | day 2025-03-16
Has been to Iceland in August 2022 | month 2022-08-01 2022-08-31
Has finished the draft on Monday | day 2025-03-10
Decided to move to Porto in May | month 2025-05-01 2025-05-31
Went to see grandma on Sunday | day 2025-03-09
Got a new job and starts on Monday | day 2025-03-17
Broke an arm on Sunday and needs surgery on Friday | day 2025-03-09
Dentist appointment on Thursday | day 2025-03-13
Meeting with Priya is Friday at 4pm | day 2025-03-14
Leaves Saturday morning | day 2025-03-15
Has a race on Sat | day 2025-03-15
Has a call w/ the bank on Thurs at 2 | day 2025-03-13
Vet appointment is on Dec. 3rd | day 2025-12-03
Started piano lessons in Sept | month 2024-09-01 2024-09-30
Grew up in Cork in the 90s | period 1990-01-01 1999-12-31
Lived in Prague in the 2010s | period 2010-01-01 2019-12-31
Runs every Tuesday and has a race on 18 May | day 2025-05-18
Stays in Kyoto for two weeks in October | month 2025-10-01 2025-10-31
Wakes up at 6 and flies to Rome tomorrow | day 2025-03-13
Concert is on the day of 9 August | day 2025-08-09
Goal is to read 24 books in 2025 | year 2025-01-01 2025-12-31
Wants to buy a flat by 2030 | year 2030-01-01 2030-12-31
Must renew the passport before Christmas | day 2025-12-25
Driving test is on the 3rd of April | day 2025-04-03
Driving test was on the third of February | day 2025-02-03
Is in hospital today | day 2025-03-12
Went for a run this morning | day 2025-03-12
Is starting Spanish lessons in a fortnight | week 2025-03-24 2025-03-30
Gets the keys in 10 days | day 2025-03-22
Divorced 2 yrs ago | year 2023-01-01 2023-12-31
Met his partner on 5 May 2017 in Hamburg | day 2017-05-05
Grandmother died in 1999 | year 1999-01-01 1999-12-31
flies to rome next month | month 2025-04-01 2025-04-30
moved to leeds in march 2021 | month 2021-03-01 2021-03-31
is flying to madrid on friday | day 2025-03-14
"""

# The last day but one of a leap February: a Wednesday.
LEAP = date(2024, 2, 28)
SAID_IN_A_LEAP_YEAR = """
Flies the day after tomorrow | day 2024-03-01
Starts tomorrow | day 2024-02-29
Exam is at the end of the month | period 2024-02-23 2024-02-29
Birthday is on 29 February | day 2024-02-29
Moved here last month | month 2024-01-01 2024-01-31
Gets married in a year | year 2025-01-01 2025-12-31
Was sick last winter | season 2022-12-01 2023-02-28
Goes skiing this winter | season 2023-12-01 2024-02-29
"""

# The Saturday between Christmas and the new year; its week began on 22 December.
NEW_YEAR = date(2025, 12, 27)
SAID_AT_NEW_YEAR = """
Was with family at Christmas | day 2025-12-25
Goes to Vienna for New Year | day 2026-01-01
Starts at Bosch next week | week 2025-12-29 2026-01-04
Starts at Bosch in January | month 2026-01-01 2026-01-31
Wants to learn Greek next year | year 2026-01-01 2026-12-31
Left Bosch last month | month 2025-11-01 2025-11-30
Visits Rome next month | month 2026-01-01 2026-01-31
Sees the dentist on Friday | day 2026-01-02
Saw the dentist on Friday | day 2025-12-26
Went to Crete last summer | season 2025-06-01 2025-08-31
Is going to Crete next summer | season 2026-06-01 2026-08-31
Goes skiing this winter | season 2025-12-01 2026-02-28
Parents are here this weekend | period 2025-12-27 2025-12-28
Has a meeting next Monday | day 2025-12-29
Got the results two weeks ago | week 2025-12-08 2025-12-14
Is back on the 6th | day 2026-01-06
Opened a shop in November | month 2025-11-01 2025-11-30
Flat is sold in the first quarter | period 2026-01-01 2026-03-31
"""

DATED = (
    (WEDNESDAY, SAID_ON_WEDNESDAY),
    (LEAP, SAID_IN_A_LEAP_YEAR),
    (NEW_YEAR, SAID_AT_NEW_YEAR),
)

ASKED_ON_WEDNESDAY = """
What did I do last summer? | season 2024-06-01 2024-08-31
when am I flying next month | month 2025-04-01 2025-04-30
what happened in 2019 | year 2019-01-01 2019-12-31
What am I doing on Friday? | day 2025-03-14
What did I do on Friday? | day 2025-03-07
Who did I meet on Tuesday? | day 2025-03-11
Where was I in August? | month 2024-08-01 2024-08-31
Where will I be in August? | month 2025-08-01 2025-08-31
Do I have anything on Thursday? | day 2025-03-13
Any plans for the weekend? | period 2025-03-15 2025-03-16
What have I got planned for Easter? | day 2025-04-20
what was I working on two weeks ago | week 2025-02-24 2025-03-02
Where did I go on holiday last year? | year 2024-01-01 2024-12-31
What did I say yesterday? | day 2025-03-11
Have I been to Italy in May? | month 2024-05-01 2024-05-31
What's happening this weekend? | period 2025-03-15 2025-03-16
Which appointments are there between 1 and 10 April? | period 2025-04-01 2025-04-10
Was I in Rome or in Oslo in June 2022? | month 2022-06-01 2022-06-30
Tell me about my trip in March 2023 | month 2023-03-01 2023-03-31
Where did I work before 2020? | year 2020-01-01 2020-12-31
"""

ASKED_WITHOUT_A_DATE = """
What is my sister's name?
Where do I live?
How old is my dog?
What do I do on Mondays?
How long have I been married?
When is my birthday?
What did I tell you about my job?
Do I like summer?
Which room do I work in?
May I eat peanuts?
"""

UNDATED = """
Married for ten years
Runs every Tuesday
Works on Mondays
Is 34
Works in Room 2024
Has 3 cats
Wakes up at 6
Loves summer
Favourite season is autumn
Favourite month is May
Hates Mondays
Likes Friday nights
Has a cat called Friday
Has a sister called June
Met June in Paris
Sister April lives in Rome
Works for August Weber
May move to Lisbon
Might adopt a second dog
Took part in a march in Berlin
Goes to the gym three times a week
Goes to the gym twice a month
Calls mother every day
Visits grandmother every second Sunday
Gets up at 5:30 on weekdays
Usually sleeps in on Sunday
Always goes home for Christmas
Travels to Norway every summer
Goes skiing every winter
Goes to church on Sundays
Plays football on Monday evenings and Wednesday evenings
Works Monday to Friday
Works 24/7
Is available 9 to 5
Salary is 2000 euros a month
Rent is 1950 a month
Weighs 72 kg
Ran a marathon in 4 hours
Can run 5 km in 20 minutes
Read the book in two days
Learned Spanish in three months
Lives at 12 Main Street
Lives on the 3rd floor
Is in the 5th grade
Lives at 2019 Oak Avenue
Drives a 2015 Honda Civic
Phone number is 0176 5554410
Flight number is LH2025
Blood pressure is 120/80
Rated the film 4/5
Has 2 kids aged 5 and 12
Is in his 30s
Is in her late twenties
Has worked as a nurse for 12 years
Has lived in Oslo for the last two years
Is on a 5-week training plan
Takes vitamin D daily
Prefers meetings in the morning
Cannot eat dinner after 8
Drinks two coffees a day
Likes the film Friday Night Lights
Watches The Morning Show
Reads the Sunday Times
Listens to music from the 80s
Enjoys long walks in the sun
Sat next to Tom at school
Is scared of Friday the 13th
Has a second home in Spain
Came third in a chess tournament
Spent 1500 on a laptop
Uses Python 3.12
Wrote an essay in 2000 words
Loves Christmas
Celebrates Hanukkah with family
Last name is March
Is called April May
Has no plans
Is free at night
Needs a nap after lunch
Is saving for a house one day
Password was changed
Owns an iPhone 15
Was born in Leeds
Grew up on a farm
Lives in the middle of nowhere
Is at the end of the road
Wants to visit Japan someday
Takes the second week off each year
Is on call every third weekend
Eats pancakes on weekends
Swims in the lake in summer
"""


def dated_rows(text: str) -> list[tuple[str, str, date, date]]:
    """Return (text, precision, first day, last day) of every row of a table."""
    rows = []
    for line in text.strip().splitlines():
        said, _, expected = line.partition(" | ")
        precision, first, *last = expected.split()
        rows.append((said, precision, date.fromisoformat(first), date.fromisoformat((last or [first])[0])))
    return rows
