# SPDX-License-Identifier: Apache-2.0
"""What is measured: the cases, the figures that are shown of each, and the goals."""
from dataclasses import dataclass, field

TLS_SUITE = "TLS_AES_128_GCM_SHA256"
# From and to that a server adds to what a client sends: what arrives is about as large as the floor's messages.
ADDED_BYTES = 60
# Too much for the generator to be behind a slow server before it gives up.
TIMEOUT_S = 120

COST = (("total_cpu_per_delivery_us", "CPU us a delivery"), ("softirq_per_delivery_us", "of it ksoftirqd"))
LAST = (("last_watcher_p50_ms", "last watcher p50, ms"), ("last_watcher_p99_ms", "p99, ms"))
DELIVERY = (("delivery_p50_ms", "delivery p50, ms"), ("delivery_p99_ms", "p99, ms"))
ONE, AUTO = "musterd", "musterd-auto"
PEERS = ("prosody", "ejabberd")
ALL = ("floor", ONE, *PEERS, AUTO)


@dataclass
class Case:
    name: str  # of the scenario, a blank, and what varies
    title: str
    sets: tuple  # of muster-bench prepare's options, each set of accounts with a prefix of its own
    options: tuple
    figures: tuple
    servers: tuple = ALL[1:]
    floor: tuple = ()  # the options of muster-bench floor that compare
    extra: tuple = ()  # sets on the server that the generator's accounts file does not have
    is_fresh: bool = False  # restart the server before each run
    is_group: bool = False
    repeats_most: int = 0  # what takes minutes is not done more often; 0: as often as is asked for
    peer_repeats_most: int = 0  # the same for the peers, where it is they that take minutes
    labels: dict = field(default_factory=dict)  # for the plots: figures of the same kind lie on one line

    @property
    def scenario(self):
        return self.name.split()[0]

    def repeats_of(self, server, repeats):
        """How many of `repeats` this server plays."""
        most = [repeats, self.repeats_most, self.peer_repeats_most if server in PEERS else 0]
        return min(n for n in most if n > 0)


# Who is watched in the first set of accounts, where another has more watchers.
STAR = "usera0000@localhost"


def star(watchers):
    return ("--shape", "star", "--users", watchers + 1)


def ring(users, contacts):
    return ("--users", users, "--contacts", contacts)


def fanout(watchers, size, rounds, servers=ALL, **more):
    """As many rounds as make a p99 more than the second worst of them: a stall of the machine comes every few seconds."""
    warm = max(2, rounds // 10)
    options = ("--rounds", rounds, "--warm-up", warm, "--interval", 10)
    return Case(f"fanout {watchers}x{size}", f"Fan-out: one change to {watchers} watchers, {size} octets each",
                (star(watchers),), (*options, "--stanza-bytes", max(0, size - ADDED_BYTES)),
                (*COST, *LAST, ("delivered_bytes", "octets")), servers,
                ("--watchers", watchers, "--stanza-bytes", size, *options), labels={"watchers": watchers, "size": size}, **more)


def storm(users, rounds, rate=0, **more):
    paced = f", {rate} changes a second" if rate else ", flat out"
    return Case(f"storm {users} " + (f"{rate}/s" if rate else "flat-out"), f"Storm: {users} mutual contacts{paced}", (ring(users, users - 2),),
                ("--rounds", rounds, "--warm-up", 1) + (("--rate", rate) if rate else ()),
                (("deliveries_per_cpu_s", "deliveries per CPU second"), ("deliveries_per_s", "a second"), *COST[:1], *DELIVERY), **more)


def group(members, rounds, servers, **more):
    return Case(f"group {members}", f"Group of {members:,} who all see each other", (ring(members, 0),),
                ("--rounds", rounds, "--interval", 10, "--stanza-bytes", 250 - ADDED_BYTES),
                (("complete_view_s", "all views complete, s"), ("login_cpu_per_view_us", "CPU us a view"),
                 ("pss_per_member_bytes", "memory a member, octets"), *COST[:1], *LAST),
                is_group=True, is_fresh=True, servers=servers, **more)


def interdomain(model, contacts, size, seconds, scale=100):
    users = 400
    return Case(f"interdomain {model}x{size}", f"Model of the scaling analysis: {model}, {size} octets, {scale} % of its load",
                (("--shape", "halves", "--users", users, "--contacts", contacts),),
                ("--model", model, "--scale", scale, "--seconds", seconds, "--stanza-bytes", size),
                (("stanzas_per_s", "stanzas a second"), ("load_reached", "of the load asked for"), *COST[:1], *DELIVERY,
                 ("cpu_per_move_ms", "CPU ms a session that goes and comes")))


QUICK, USUAL, FULL = "quick", "usual", "full"


def cases(extent):
    """quick: everything in small, to see that it works; the figures mean little. usual: what the goals are about, an hour and more. full:
    more sizes, and the inter-domain model: hours. What matters most comes first."""
    some = lambda large, small: small if extent == QUICK else large
    parts = ("--seconds", some(5, 2), "--repeats", 1)
    # The same accounts one after the other: the servers stay.
    ours = (ONE, AUTO) if extent == USUAL else ALL[1:]
    yield fanout(100, 250, some(1000, 20))
    yield fanout(some(1000, 300), 250, some(200, 10), peer_repeats_most=3)
    if extent == FULL:
        yield from (fanout(1000, size, 60) for size in (90, 200, 400))
    if extent != QUICK:
        yield fanout(5000, 250, 60, peer_repeats_most=2)
        yield fanout(10000, 250, 20, peer_repeats_most=1)
        yield fanout(3000, 250, 60, servers=(ONE,))  # what a group of as many is compared with
    yield storm(some(300, 40), some(5, 5), peer_repeats_most=3)
    yield storm(some(300, 40), some(3, 5), rate=50, peer_repeats_most=3)
    yield Case("login", "Plain log-ins: TLS, SASL, bind, roster, presence", (ring(some(300, 40), 10),),
               ("--logins", some(600, 60), "--concurrency", 16),
               (("cpu_per_login_ms", "CPU ms a log-in"), ("login_p50_ms", "log-in p50, ms"), ("login_p99_ms", "p99, ms")))
    yield Case("roster-login", f"Log-in with a roster of {some('10,000', '400')}, 1 in 10 online",
               (star(100), ("roster", some(1000, 40))), (*parts, "--rate", 50, "--settle", 200, "--publisher", STAR),
               (("cpu_per_login_ms", "CPU ms a log-in"), ("roster_p50_ms", "roster after, ms"),
                ("last_presence_p50_ms", "last presence after, ms"), ("quiet_fanout_delivery_p99_ms", "fan-out's p99 alone, ms"),
                ("busy_fanout_delivery_p99_ms", "beside, ms"), ("fanout_delivery_p99_ratio", "ratio")),
               extra=(("absent", some(9000, 360)),))
    yield group(some(1000, 40), some(200, 5), ours)
    if extent != QUICK:
        yield group(3000, 60, (ONE,), repeats_most=3)
        yield group(10000, 20, (ONE,), repeats_most=1)  # 100 million views
    # Long and large enough to fill what the kernel queues for a socket, some MiB, at a rate that all can serve.
    yield Case("slow-reader", "One client stops reading", (ring(some(50, 20), some(48, 18)),),
               ("--seconds", some(20, 3), "--repeats", 1, "--rate", 100, "--stanza-bytes", 4000),
               (("quiet_others_delivery_p99_ms", "others' p99 alone, ms"), ("busy_others_delivery_p99_ms", "beside, ms"),
                ("others_delivery_p99_ratio", "ratio"), ("pss_growth_mib", "growth of PSS, MiB"), ("slow_cut", "cut off"),
                ("slow_readers", "of")), servers=ours)
    yield Case("celebrity", "Celebrity: one of very many watchers, others beside", (star(some(5000, 200)), ring(some(200, 20), 2)),
               (*parts, "--rate", 100, "--interval", 100),
               (*LAST, ("quiet_others_delivery_p99_ms", "others' p99 alone, ms"), ("busy_others_delivery_p99_ms", "beside, ms"),
                ("others_delivery_p99_ratio", "ratio")), servers=ours)
    yield Case("login-storm", "Log-in storm beside a fan-out to 100", (star(100), ("storm", 250)),
               ("--logins", some(1000, 50), "--rounds", some(150, 20), "--interval", 10, "--repeats", some(3, 1)),
               (("logins_per_s", "log-ins a second"), ("quiet_delivery_p99_ms", "fan-out's p99 alone, ms"),
                ("busy_delivery_p99_ms", "beside, ms"), ("delivery_p99_ratio", "ratio")), servers=(ONE, AUTO))
    memory = (("pss_per_session_kib", "PSS KiB a session"), ("idle_cpu_ms_per_s", "CPU ms a second"), ("login_s", "all online after, s"))
    yield Case("idle", f"{some('2,000', '100')} idle sessions with ten contacts each", (ring(some(2000, 100), 10),),
               ("--settle", some(3000, 300)), memory, is_fresh=True)
    # What docs/memory.md is about. The allocator gives back what a storm of log-ins took when the pool of threads has been idle for 5 s.
    yield Case("idle bare", f"{some('10,000', '100')} idle sessions without contacts", (ring(some(10000, 100), 0),),
               ("--settle", some(15000, 300)), memory, servers=(ONE,), is_fresh=True, repeats_most=3)
    if extent == USUAL:
        return
    yield Case("churn", "Churn: a tenth of the users goes and comes", (ring(some(1000, 60), 20),),
               ("--rounds", some(10, 2), "--share", 10, "--settle", 100),
               (("cpu_per_move_ms", "CPU ms a move"), ("all_left_p50_ms", "all have seen it, ms"), ("all_back_p50_ms", "all are back, ms")))
    for model, contacts, scale in (("basic", 4, 100), ("wide", 20, 100), ("intra", 10, 100), ("large", 10, 1)):
        yield from (interdomain(model, contacts, size, some(20, 2), scale) for size in (90, 200, 400))


@dataclass
class Goal:
    """The figure of `server`, or its ratio to that of others in the same case, has a bound."""
    case: str  # the names of the cases it is for, as a shell pattern
    figure: str
    against: str  # "floor", "peer" (the better one), "fanout" (our own of as many watchers), or "" for the figure itself
    most: float  # of the ratio; for "peer" the peer's figure is divided by ours, and this is the least
    says: str


GOALS = (
    Goal("fanout *", "total_cpu_per_delivery_us", "floor", 1.3, "CPU a delivery, to the floor"),
    Goal("fanout *", "total_cpu_per_delivery_us", "peer", 5.0, "CPU a delivery, the better peer's to ours"),
    Goal("fanout *", "last_watcher_p50_ms", "floor", 1.4, "p50 to the last watcher, to the floor"),
    Goal("fanout *", "last_watcher_p99_ms", "floor", 1.4, "p99 to the last watcher, to the floor"),
    Goal("fanout *", "last_watcher_p50_ms", "peer", 4.0, "p50 to the last watcher, the better peer's to ours"),
    Goal("fanout *", "last_watcher_p99_ms", "peer", 4.0, "p99 to the last watcher, the better peer's to ours"),
    Goal("storm * flat-out", "total_cpu_per_delivery_us", "peer", 20.0, "CPU a delivery, the better peer's to ours"),
    Goal("storm * */s", "total_cpu_per_delivery_us", "peer", 5.0, "CPU a delivery, the better peer's to ours"),
    Goal("login", "cpu_per_login_ms", "peer", 5.0, "CPU a log-in, the better peer's to ours"),
    Goal("roster-login", "cpu_per_login_ms", "peer", 5.0, "CPU a log-in, the better peer's to ours"),
    Goal("roster-login", "last_presence_p50_ms", "peer", 5.0, "time to the last presence, the better peer's to ours"),
    Goal("roster-login", "fanout_delivery_p99_ratio", "", 1.5, "fan-out's p99 beside the log-in"),
    Goal("group *", "total_cpu_per_delivery_us", "fanout", 1.3, "CPU a delivery, to that of a fan-out by rosters"),
    Goal("group *", "last_watcher_p50_ms", "fanout", 1.3, "p50 to the last member, to that of a fan-out by rosters"),
    Goal("celebrity", "others_delivery_p99_ratio", "", 1.5, "others' p99 beside the celebrity"),
    Goal("slow-reader", "others_delivery_p99_ratio", "", 1.5, "others' p99 beside a slow reader"),
    Goal("login-storm", "delivery_p99_ratio", "", 1.5, "fan-out's p99 beside the log-in storm"),
    Goal("idle bare", "pss_per_session_kib", "", 2.0, "memory a session, KiB"),
)
