"""What surrounds the real worker: several chains, the wire to them, and a mortal process."""

from dataclasses import replace
from datetime import datetime, timedelta

from connectors.failures import Incomplete, NotNow, Refused, Unknown
from state.invoices import CoreCustomer, CoreInvoice
from sync.moves import Answer, Denied, Done, Doubt, Later
from sync.simulation.core_model import CoreModel, Style
from sync.simulation.events import EFFECTS
from sync.simulation.faults import Crash, Dice, Fault, FaultSource, Point
from sync.simulation.outside import Outside
from sync.simulation.stripe_model import Request

CALL_TAKES = timedelta(milliseconds=400)
READ_TAKES = timedelta(milliseconds=100)
DEADLINE = timedelta(seconds=60)
_OF_THE_CORE = frozenset({Fault.CORE_VOID, Fault.CORE_VOID_REGENERATE, Fault.CORE_REMAPS})


class Around(Outside):
    """The core's chains and customers, and what the process may still do to them."""

    def __init__(self, faults: FaultSource, dice: Dice, styles: tuple[Style, ...]) -> None:
        super().__init__(faults, dice)
        self.chains = [CoreModel(style) for style in styles]
        self.customers: dict[str, CoreCustomer] = {}
        for chain in self.chains:
            chain.finalize_first()
            name = chain.style.customer_id
            # The odd ones are mapped by the core; the others must be found or made.
            mapped = f"cus_{name}" if int(name[1:]) % 2 else None
            email = f"{name}@example.com"
            self.customers[name] = CoreCustomer(
                name, name, stripe_customer_field=mapped, email=email
            )
        self.stripe_customers = {
            f"cus_{name}": name for name, one in self.customers.items() if _mapped(one)
        }
        self.core_events: list[str] = []  # customers whose invoices moved, in order
        self.intents: set[str] = set()  # keys that stood in a committed intent
        self.dead = False  # the process is gone; nothing it says counts any more
        self.stalled = False  # between an intent and its call
        self.answered = False  # a call has come back, and its answer is not yet kept
        self.whole: set[str] = set()  # sources whose last reading came to its end
        self.listed: list[tuple[str, str]] = []  # what that of Stripe saw asking for money
        self.erp_shown: dict[str, bool] = {}  # of the ERP's copies: void when last shown?
        self.writes = 0  # requests that were not readings

    def chain(self) -> CoreModel:
        """Any of them."""
        return self.chains[int(self.dice.random() * len(self.chains))]

    def invoices(self) -> dict[str, CoreInvoice]:
        """Every version of every chain, as it truly is."""
        return {
            core_id: one for chain in self.chains for core_id, one in chain.invoices.items()
        }

    def effect(self, event: Fault) -> bool:
        """An event of the core also enters its audit log."""
        if event not in _OF_THE_CORE:
            return EFFECTS[event](self)
        if event is Fault.CORE_REMAPS:
            return self._remaps()
        before = {id(one) for one in self.invoices().values()}
        happened = EFFECTS[event](self)
        for invoice in self.invoices().values():
            if id(invoice) not in before:
                self.core_events.append(invoice.customer_id)
        return happened

    def _remaps(self) -> bool:
        """The core names another Stripe customer for one of its own."""
        chain = self.chain()
        chain.remap()
        customer = self.customers[chain.style.customer_id]
        named = replace(customer, stripe_customer_field=chain.stripe_customer)
        self.customers[customer.id] = named
        self.stripe_customers[chain.stripe_customer] = ""  # made by a person
        self.core_events.append(customer.id)
        return True

    def must_live(self) -> None:
        """A dead process neither reads nor writes, whatever unwinds through it."""
        if self.dead:
            raise Crash

    def read(self) -> None:
        """A look at another system; it may fail, or be the last thing we do."""
        self.must_live()
        self.pass_time(READ_TAKES)
        if self.strike_here(Point.READ) is Fault.READ_FAILS:
            failures = (NotNow, Unknown, Incomplete)
            failure = failures[int(self.dice.random() * len(failures))]
            raise failure("the look did not succeed")

    def send(self, request: Request) -> Answer:
        """Carry a request over the wire; raises as a connector does."""
        self.must_live()
        self.writes += 1
        self.stripe.trace.append(request)
        if self.stalled:
            # The process hangs here; the lease is another's when the request goes out.
            self.stalled = False
            self.send_later(request)
            self.die()
        fault = self.strike_here(Point.CALL)
        if fault is Fault.LATE_REQUEST:
            self.send_later(request)
        answer = self.stripe.send(request, self.now, fault)
        self.pass_time(DEADLINE if isinstance(answer, Doubt) else CALL_TAKES)
        self.answered = True
        return _or_raise(answer)

    def strike_here(self, point: Point) -> Fault | None:
        """As `strike`; a crash also marks the process as dead."""
        try:
            return self.strike(point)
        except Crash:
            self.dead = True
            raise

    def die(self) -> None:
        """The process ends here."""
        self.dead = True
        raise Crash


class ModelClock:
    """Our own clock over the world's time. Asleep, the world goes on."""

    def __init__(self, world: Outside) -> None:
        self._world = world

    def now(self) -> datetime:
        """By our clock, which may be wrong."""
        return self._world.ours()

    def monotonic(self) -> float:
        """Never wrong."""
        return self._world.now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._world.pass_time(timedelta(seconds=seconds))


def _mapped(customer: CoreCustomer) -> bool:
    return customer.stripe_customer_field is not None


def _or_raise(answer: Answer) -> Done:
    match answer:
        case Denied(code, message, replayed):
            raise Refused(message, code=code, status=400, replayed=replayed)
        case Later(message, after):
            seconds = None if after is None else after.total_seconds()
            raise NotNow(message, retry_after=seconds)
        case Doubt(message, replayed):
            raise Unknown(message, replayed=replayed)
    return answer
