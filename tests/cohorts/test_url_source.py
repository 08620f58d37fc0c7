"""A table from the web: fetched once, resumed, and the pinned one or none."""

import socket
from pathlib import Path

import pytest
from cohorts.servers import Web, web_server

from theragate.cohorts.sources import read_source
from theragate.digests import sha256_bytes
from theragate.errors import DataError
from theragate.study import UrlSource

CONTENT = b"age,ill\n" + b"".join(b"%d,%d\n" % (20 + n % 70, n % 2) for n in range(2000))
PINNED = sha256_bytes(CONTENT)


@pytest.fixture
def web():
    with web_server() as server:
        server.content = CONTENT
        yield server


def source(url: str, *, sha256: str = PINNED) -> UrlSource:
    return UrlSource(kind="url", url=f"{url}/t.csv", sha256=sha256, format="csv", citation="One.", licence="Free.")


def rows(web: Web, root: Path) -> int:
    return len(read_source(source(web.url), root, study="s").frame)


def test_it_is_fetched_once(web, tmp_path):
    assert rows(web, tmp_path) == 2000
    assert rows(web, tmp_path) == 2000
    assert web.asked == [None]
    assert (tmp_path / ".theragate" / "downloads" / PINNED).read_bytes() == CONTENT


def test_a_download_that_broke_off_goes_on_where_it_ended(web, tmp_path):
    web.breaks = 5000
    with pytest.raises(DataError, match=r"a connection that broke off. Run the same command again"):
        rows(web, tmp_path)
    web.breaks = None
    assert rows(web, tmp_path) == 2000
    assert web.asked == [None, "bytes=5000-"]


def test_a_server_that_cannot_resume_sends_all_of_it(web, tmp_path):
    web.breaks, web.ranges = 5000, False
    with pytest.raises(DataError):
        rows(web, tmp_path)
    web.breaks = None
    assert rows(web, tmp_path) == 2000


@pytest.mark.parametrize("begun", [b"something else", CONTENT, CONTENT + b"more", CONTENT[:100]])
def test_whatever_was_begun_before_the_pinned_file_is_what_is_read(begun, web, tmp_path):
    part = tmp_path / ".theragate" / "downloads" / f"{PINNED}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(begun)
    assert rows(web, tmp_path) == 2000
    assert not part.exists()


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(web, tmp_path):
    web.content = b"age,ill\n1,2\n"
    with pytest.raises(DataError, match=f"the SHA-256 {PINNED}; received a file with {sha256_bytes(web.content)}"):
        rows(web, tmp_path)
    kept = tmp_path / ".theragate" / "downloads"
    assert [path.name for path in kept.iterdir() if path.suffix != ".lock"] == []


def test_a_kept_file_that_was_damaged_is_fetched_again(web, tmp_path):
    rows(web, tmp_path)
    (tmp_path / ".theragate" / "downloads" / PINNED).write_bytes(b"damaged")
    assert rows(web, tmp_path) == 2000


def test_without_a_network_the_kept_file_serves(web, tmp_path):
    rows(web, tmp_path)
    web.status = 503
    assert rows(web, tmp_path) == 2000


@pytest.mark.parametrize("content", [CONTENT, b"age,ill\n1,2\n", b"age,age\n1,2\n"])
def test_what_signs_an_address_is_in_no_message(content, web, tmp_path):
    web.status, web.content = 503, content
    signed = source(web.url).model_copy(update={"url": f"{web.url}/t.csv?sig=hunter2"})
    with pytest.raises(DataError, match=r"source `http://127.0.0.1:\d+/t.csv\?…`: the file can be fetched") as caught:
        read_source(signed, tmp_path, study="s")
    assert "hunter2" not in str(caught.value)


def test_no_server_and_a_server_that_refuses_are_one_clear_line(web, tmp_path):
    web.status = 404
    with pytest.raises(DataError, match=f"received the answer 404.*put the file at `.theragate/downloads/{PINNED}`"):
        rows(web, tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(DataError, match=r"received no connection \(Connection refused\)"):
            read_source(source(url), tmp_path, study="s")
    with pytest.raises(DataError, match="received no connection"):
        read_source(source("http://nowhere.invalid"), tmp_path, study="s")
