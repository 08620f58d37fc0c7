"""`theragate server --check`: each thing that is missing or too open is named, and the worst stop a start."""

import os
import shutil
import stat
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.dying import opened
from mlflow_plugin.servers import PASSWORD
from support import BIN, ROOT, free_port
from werkzeug.security import generate_password_hash

from theragate.cli import main
from theragate.errors import ConfigurationError, StoreError
from theragate.mlflow_plugin.checks import refuse_unanswered, refuse_worst
from theragate.mlflow_plugin.checks.database import rules_of
from theragate.release.keys import SigningKey
from theragate.release.trust import TrustedKey
from theragate.settings import read_settings

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
RULES = ROOT / "src" / "theragate" / "deployment" / "postgresql.sql"
SAMPLE = ROOT / "src" / "theragate" / "deployment" / "sign-in.ini"
ACCOUNTS = {"admin": (True, PASSWORD), "ada": (False, PASSWORD), "grace": (False, PASSWORD)}


class Deployed:
    """A deployment in a folder that everybody on the machine can enter, with nothing wrong in it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.keys = Deployment(folder / "etc")
        self.keys.policies["study_checked"] = ("0" * 64,)
        self.keys.write()
        (folder / "data" / "artifacts" / "sealed").mkdir(parents=True)
        self.users, self.database = folder / "data" / "users.db", folder / "data" / "mlflow.db"
        self.sign_in = folder / "etc" / "sign-in.ini"
        self.sign_in.write_text(SAMPLE.read_text().replace("/var/lib/theragate/users.db", str(self.users)))
        self.hire(ACCOUNTS)
        for path in (self.sign_in, self.users):
            path.chmod(0o600)
        (folder / "data").chmod(0o700)
        self.set("MLFLOW_TRACKING_URI", f"sqlite:///{self.database}")
        self.set("THERAGATE_ARTIFACTS", (folder / "data" / "artifacts").as_uri())
        self.set("THERAGATE_TRUST", str(self.keys.trust_file))
        self.set("THERAGATE_LEDGER_KEY", str(self.keys.ledger_file))
        self.set("MLFLOW_AUTH_CONFIG_PATH", str(self.sign_in))
        self.set("THERAGATE_LIMITS", "free_bytes=1")

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)

    def hire(self, accounts: dict[str, tuple[bool, str]]) -> None:
        engine = sqlalchemy.create_engine(f"sqlite:///{self.users}")
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS users"))
            connection.execute(sqlalchemy.text("CREATE TABLE users (username, is_admin, password_hash)"))
            for name, (is_admin, password) in accounts.items():
                values = {"name": name, "admin": is_admin, "hash": generate_password_hash(password)}
                connection.execute(sqlalchemy.text("INSERT INTO users VALUES (:name, :admin, :hash)"), values)
        engine.dispose()

    def worst(self) -> str:
        """Why a server would not start; empty where it would."""
        try:
            refuse_worst(read_settings(os.environ, self.folder), os.environ)
        except ConfigurationError as error:
            return str(error)
        return ""


@pytest.fixture
def deployed(monkeypatch):
    folder = Path(tempfile.mkdtemp(prefix="deployed"))
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    yield Deployed(folder, monkeypatch)
    shutil.rmtree(folder)


@pytest.fixture
def check(capsys):
    """Run the command; return its exit code and its lines."""

    def run(*more):
        capsys.readouterr()
        code = main(["server", "--check", *more])
        return code, capsys.readouterr().out.splitlines()

    return run


def test_nothing_is_wrong_with_a_deployment_by_the_book(deployed, check):
    code, lines = check()
    assert lines[:-1] == [line for line in lines[:-1] if "the tables of a release server" in line]  # not started yet
    assert (code, lines[-1]) == (0, "0 errors, 1 warning")
    opened(f"gated+sqlite:///{deployed.database}")._dispose_engine()
    assert check() == (0, ["0 errors, 0 warnings"])
    assert deployed.worst() == ""


def trust_666(at):
    at.keys.trust_file.chmod(0o666)


def folder_777(at):
    at.keys.folder.chmod(0o777)


def trust_664(at):
    at.keys.trust_file.chmod(0o664)


def trust_behind_a_link(at):
    (at.folder / "open").mkdir()
    (at.folder / "open").chmod(0o777)
    (at.folder / "open" / "trust.json").symlink_to(at.keys.trust_file)
    at.set("THERAGATE_TRUST", str(at.folder / "open" / "trust.json"))


def no_trust(at):
    at.keys.trust_file.unlink()


def trust_of_another_form(at):
    at.keys.trust_file.write_text('{"version": 1}')


def text_of_trust(at, old, new):
    text = at.keys.trust_file.read_text()
    assert old in text
    at.keys.trust_file.write_text(text.replace(old, new, 1))


def zero_key(at):
    text_of_trust(at, at.keys.evaluator.public.base64, "A" * 43 + "=")


def twice(at):
    text_of_trust(at, '"grace"', '"grace",\n  "Grace"')


def look_alike(at):
    text_of_trust(at, '"grace"', '"grace",\n  "gracе"')


def development(at):
    from theragate.release.keys import development_key

    text_of_trust(at, at.keys.evaluator.public.base64, development_key(at.folder / "private")[0].public.base64)


def both_roles(at):
    key = TrustedKey(name="all", public=at.keys.ledger.public.base64, roles=frozenset({"evaluator", "ledger"}))
    at.keys.write(keys=(key,))


def no_key(at):
    at.set("THERAGATE_LEDGER_KEY", "")


def key_644(at):
    at.keys.ledger_file.chmod(0o644)


def other_key(at):
    at.keys.ledger = SigningKey.generate()
    at.keys.write()


def revoked(at):
    trust = at.keys.trust()
    keys = tuple(one.model_copy(update={"revoked": datetime.now(UTC).date()}) for one in trust.keys)
    at.keys.write(keys=keys)


def evaluator_variable(at):
    at.set("THERAGATE_EVALUATOR_KEY", "something")


def evaluator_file(at):
    path = at.folder / "private" / "keys" / "ci.pem"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    path.write_bytes(at.keys.evaluator.pem())


def database_644(at):
    opened(f"gated+sqlite:///{at.database}")._dispose_engine()
    at.database.chmod(0o644)
    (at.folder / "data").chmod(0o755)


def users_644(at):
    at.users.chmod(0o644)
    (at.folder / "data").chmod(0o755)


def sealed_755(at):
    for path in ("data", "data/artifacts", "data/artifacts/sealed"):
        (at.folder / path).chmod(0o755)


def artifacts_777(at):
    (at.folder / "data" / "artifacts").chmod(0o777)


def nobody(at):
    at.keys.write(release_managers=())


def alone(at):
    at.keys.write(release_managers=({"name": "ada"},))


def no_account(at):
    at.hire({name: account for name, account in ACCOUNTS.items() if name != "grace"})


def administrator(at):
    at.hire(ACCOUNTS | {"grace": (True, PASSWORD)})


def like_ada(at):
    at.hire(ACCOUNTS | {"ADA": (False, PASSWORD)})


def old_password(at):
    at.hire(ACCOUNTS | {"admin": (True, "password1234")})


def no_users(at):
    at.users.unlink()


def sign_in_text(at, old, new):
    text = at.sign_in.read_text()
    assert old in text
    at.sign_in.write_text(text.replace(old, new))


def manage(at):
    sign_in_text(at, "default_permission = READ", "default_permission = MANAGE")


def none_at_all(at):
    sign_in_text(at, "default_permission = READ", "default_permission = NO_PERMISSIONS")


def password_in_the_file(at):
    sign_in_text(at, "admin_username = admin", f"admin_username = admin\nadmin_password = {PASSWORD}")
    at.sign_in.chmod(0o644)


def password_in_the_environment(at):
    at.set("MLFLOW_AUTH_ADMIN_PASSWORD", PASSWORD)


def no_sign_in(at):
    at.sign_in.unlink()


def no_sign_in_named(at):
    at.patch.delenv("MLFLOW_AUTH_CONFIG_PATH")


def empty_users(at):
    no_users(at)
    at.users.touch(mode=0o600)


def full_disk(at):
    at.set("THERAGATE_LIMITS", f"free_bytes={1 << 60}")


def all_names(at):
    at.set("MLFLOW_SERVER_ALLOWED_HOSTS", "models.hospital.example, *")


def all_proxies(at):
    at.set("FORWARDED_ALLOW_IPS", "*")


def clock_behind(at):
    opened(f"gated+sqlite:///{at.database}")._dispose_engine()
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    engine = sqlalchemy.create_engine(f"sqlite:///{at.database}")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("INSERT INTO theragate_ledger VALUES (1, 's', 'promote', 1, :event, 'a', 'b', 'c', 'd')"),
            {"event": f'{{"at":"{later}"}}'},
        )
    engine.dispose()


def no_database(at):
    at.set("MLFLOW_TRACKING_URI", "postgresql://nobody@127.0.0.1:1/none")


WORST = [
    (trust_666, "the trust file, .*trust.json`: only its owner can write there; received mode 666: everybody"),
    (folder_777, "the folder of the trust file, .*etc`: .*mode 777: everybody"),
    (trust_behind_a_link, "the folder of the trust file, .*open`: .*mode 777"),
    (no_trust, "trust.json"),
    (trust_of_another_form, "trust file"),
    (zero_key, "anybody can sign for it"),
    (twice, "listed once each, under names that nobody takes for one another"),
    (look_alike, "trust file"),
    (development, "it never trusts a development key"),
    (both_roles, "the key `all` of the trust file: .*both roles.*Make two keys"),
    (key_644, "only the owner can read a private key; received a file with mode 644"),
    (other_key, "which it does not list|not one|PEM"),
    (revoked, "which it revokes on"),
]
ERRORS = [
    (no_key, "the server's ledger key: .*received no key"),
    (trust_664, "mode 664: its group can"),
    (evaluator_variable, "an evaluator's private key: .*THERAGATE_EVALUATOR_KEY"),
    (evaluator_file, "an evaluator's private key: .*private/keys/ci.pem"),
    (database_644, "the database of runs, .*mode 644, and everybody can enter its folders.*chmod 600"),
    (users_644, "the database of users, .*mode 644"),
    (artifacts_777, "the artifacts, .*mode 777: everybody"),
    (nobody, "nobody under `release_managers`"),
    (no_account, "each has an account.*none of grace"),
    (administrator, "none is an administrator of MLflow.*received grace"),
    (old_password, "the administrator `admin`: .*the one that MLflow once came with"),
    (password_in_the_file, "a file with a password is its owner's alone; received mode 644"),
    (no_sign_in, "the sign-in, `sign-in.ini`: .*received no file `.*/sign-in.ini`.*theragate docs sign-in.ini"),
    (empty_users, "the users' database of `sign-in.ini`: the server can read it"),
    (full_disk, "the disk of the artifacts"),
    (all_names, "MLFLOW_SERVER_ALLOWED_HOSTS: .*`\\*`, which is every name"),
    (all_proxies, "who guesses passwords never waits"),
    (clock_behind, "the clock: it is not before the last release; received a time 86,"),
    (no_database, "the database: the server can sign in and read it"),
]
WARNINGS = [
    (no_users, "the users' database of `sign-in.ini`: .*received none yet. Start the server once"),
    (no_sign_in_named, "the sign-in, `sign-in.ini`: .*received none yet. Start the server once"),
    (sealed_755, "the sealed models, .*mode 755"),
    (alone, "`ada` alone"),
    (like_ada, "the account `ADA`: .*a name like `ada`"),
    (manage, "`default_permission = MANAGE`"),
    (none_at_all, "`default_permission = NO_PERMISSIONS`"),
    (password_in_the_environment, "the password of the first user: .*one that is still set"),
]


def named(lines, level, words):
    import re

    return [line for line in lines if line.startswith(f"{level}: ") and re.search(words, line)]


@pytest.mark.parametrize(("attack", "words"), WORST, ids=lambda value: getattr(value, "__name__", ""))
def test_the_worst_is_named_and_stops_a_start(deployed, check, attack, words):
    if attack is other_key:
        deployed.keys.ledger_file.unlink()
        deployed.keys.ledger_file.touch(mode=0o600)
        deployed.keys.ledger_file.write_bytes(SigningKey.generate().pem())
    else:
        attack(deployed)
    code, lines = check()
    assert code == 1
    assert named(lines, "error", words), lines
    why = deployed.worst()
    assert why.endswith("See everything with `theragate server --check`."), why
    assert "\n" not in why


@pytest.mark.parametrize(("attack", "words"), ERRORS, ids=lambda value: getattr(value, "__name__", ""))
def test_errors_are_named(deployed, check, attack, words):
    attack(deployed)
    code, lines = check()
    assert code == 1
    assert named(lines, "error", words), lines


@pytest.mark.parametrize(("attack", "words"), WARNINGS, ids=lambda value: getattr(value, "__name__", ""))
def test_warnings_are_named(deployed, check, attack, words):
    attack(deployed)
    code, lines = check()
    assert code == 0, lines
    assert named(lines, "warning", words), lines


def test_a_server_that_others_reach(deployed, check):
    code, lines = check("--host", "192.0.2.1", "--workers", "64")
    assert code == 0
    for words in ("passwords travel under TLS", "MLFLOW_SERVER_ALLOWED_HOSTS", "CORS_ALLOWED_ORIGINS", "64 processes"):
        assert named(lines, "warning", words), lines


def test_a_cache_of_passwords_that_only_one_process_clears(deployed, check):
    assert not named(check("--workers", "4")[1], "warning", "auth_cache")  # the sample's
    sign_in_text(deployed, "auth_cache_ttl_seconds = 60", "auth_cache_ttl_seconds = 600")
    assert not named(check()[1], "warning", "auth_cache")
    assert named(check("--workers", "4")[1], "warning", "`auth_cache_ttl_seconds = 600` with 4 processes")


def test_the_check_changes_nothing(deployed, check):
    def tree():
        return {path: (path.stat().st_mode, path.stat().st_mtime_ns) for path in deployed.folder.rglob("*")}

    opened(f"gated+sqlite:///{deployed.database}")._dispose_engine()
    before = tree()
    check()
    assert tree() == before
    for missing in (deployed.users, deployed.database):  # as before the first start
        missing.unlink()
        before = tree()
        check()
        assert tree() == before


def test_a_server_with_an_open_trust_file_does_not_start(deployed):
    trust_666(deployed)
    done = subprocess.run(
        [BIN / "theragate", "server", "--port", "5999"],
        cwd=deployed.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "it starts where nobody else decides whom it trusts" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.xdist_group("release-postgresql")
def test_the_rules_and_the_role_of_postgresql(deployed, check, make_database):
    address = make_database("postgresql")
    deployed.set("MLFLOW_TRACKING_URI", address)
    opened(f"gated+{address}")._dispose_engine()
    code, lines = check()
    assert code == 1
    assert named(lines, "error", "a superuser, whom no rule stops"), lines
    assert named(lines, "error", "the rules in the database: .*on `registered_model_aliases`"), lines
    owner = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.connection.cursor().execute(RULES.read_text())
    server = sqlalchemy.make_url(address).set(username="theragate_server").render_as_string(hide_password=False)
    deployed.set("MLFLOW_TRACKING_URI", server)
    assert check() == (0, ["0 errors, 0 warnings"])
    for harm, words in (
        ("ALTER TABLE theragate_ledger DISABLE TRIGGER ALL", "the rules in the database: .*on `theragate_ledger`"),
        ("GRANT UPDATE ON theragate_ledger TO theragate_server", "the right to UPDATE"),
        ("ALTER TABLE theragate_ledger OWNER TO theragate_server", "the owner of theragate_ledger"),
    ):
        with owner.connect() as connection:
            connection.execute(sqlalchemy.text(harm))
        assert named(check()[1], "error", words), words
    owner.dispose()


def test_the_triggers_of_the_rules_are_found():
    found = rules_of(RULES.read_text())
    assert {("theragate_keep", "theragate_ledger"), ("theragate_champion", "registered_model_aliases")} <= found
    assert len(found) >= 16


@pytest.mark.skipif(os.name != "posix", reason="files have modes on POSIX")
def test_what_a_server_writes_is_its_own(deployed):
    """Databases and folders, as the command leaves them behind; the sign-in of the sample is MLflow's own."""
    from mlflow_plugin.servers import Server, running

    made = Server(deployed.folder / "server", f"sqlite:///{deployed.folder}/server/mlflow.db", deployed.keys)
    made.folder.mkdir()
    made.folder.chmod(0o755)
    with running(made):
        admin = made.person("admin")
        experiment = admin.must("POST", "experiments/create", name="mine")["experiment_id"]
        run = admin.run(str(experiment))
        path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/file"
        assert admin.send("PUT", path, data=b"x").status_code == 200
    written = [*made.artifacts.rglob("*"), made.artifacts, *made.folder.glob("*.db")]
    assert len(written) > 5
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in written if path.stat().st_mode & 0o077} == {}


def test_a_database_that_does_not_answer_ends_a_start_at_once():
    """MLflow would try again for an hour."""
    address = f"postgresql://theragate_server:secret@127.0.0.1:{free_port()}/mlflow"
    with pytest.raises(StoreError, match=r"the database `mlflow` at `127\.0\.0\.1`: it answers") as raised:
        refuse_unanswered(address, variable="MLFLOW_TRACKING_URI")
    assert "secret" not in str(raised.value)
    refuse_unanswered("sqlite:////nowhere/mlflow.db", variable="MLFLOW_TRACKING_URI")
