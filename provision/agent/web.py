"""The door to HTTP servers: the system's certificates, proxies from the environment, and errors told in words."""

from __future__ import annotations

import base64
import gzip
import http.client
import io
import netrc
import os
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from provision.agent.errors import Failed
from provision.agent.target import Target


class Call(NamedTuple):
    """One request, with everything that decides how it is made."""

    url: str
    method: str = "GET"
    body: Optional[bytes] = None
    headers: Mapping[str, str] = {}
    timeout_s: float = 10.0
    use_proxy: bool = True
    validate_certs: bool = True
    user: str = ""
    password: str = ""
    force_basic_auth: bool = False
    use_netrc: bool = True
    follow: str = "urllib2"
    client_cert: str = ""
    client_key: str = ""
    ca_path: str = ""
    ciphers: str = ""
    unix_socket: str = ""
    unredirected: Tuple[str, ...] = ()
    decompress: bool = True


class Reply:
    """A response whose body is still to be read."""

    def __init__(self, response: Any, decompress: bool, status: int, url: str, reason: str) -> None:
        self.status = status
        self.url = url
        self.reason = reason
        self.headers = response.headers
        self.body: Any = response
        length = response.headers.get("Content-Length")
        self.length = int(length) if length and length.isdigit() else -1
        if decompress and response.headers.get("Content-Encoding") == "gzip":
            packed = response.read()
            response.close()
            self.body = gzip.GzipFile(fileobj=io.BytesIO(packed))
            self.length = -1

    def __enter__(self) -> "Reply":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.body.close()

    def message(self) -> str:
        """What urllib tells of a good answer, which Ansible passes on."""
        if self.status < 400:
            return "%s (%s bytes)" % (self.reason, self.length if self.length >= 0 else "unknown")
        return "HTTP Error %d: %s" % (self.status, self.reason)


def call_from(args: Mapping[str, Any], **more: Any) -> Call:
    """From the arguments that all modules of the web have."""
    return Call(
        url=args["url"],
        headers=_headers(args),
        timeout_s=args["timeout"],
        use_proxy=args["use_proxy"],
        validate_certs=args["validate_certs"],
        user=args["url_username"] or "",
        password=args["url_password"] or "",
        force_basic_auth=args["force_basic_auth"],
        use_netrc=args["use_netrc"],
        client_cert=args["client_cert"] or "",
        client_key=args["client_key"] or "",
        ciphers=":".join(args["ciphers"] or []),
        unredirected=tuple(args["unredirected_headers"]),
        decompress=args["decompress"],
    )._replace(**more)


def call(wish: Call) -> Reply:
    """Make the request. A status of 400 and more is an answer too; Failed is for no answer at all."""
    wish = _without_user_in_url(wish)
    try:
        response = _opener(wish).open(_request(wish), timeout=wish.timeout_s)
        return Reply(response, wish.decompress, response.status, response.url, response.reason)
    except urllib.error.HTTPError as error:
        return Reply(error, wish.decompress, error.code, error.url or wish.url, str(error.reason))
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise Failed("Request failed: " + explained(wish, error), url=wish.url, status=-1) from error


def explained(wish: Call, error: BaseException) -> str:
    """Why there is no answer."""
    reason = getattr(error, "reason", None) or error
    host = urllib.parse.urlsplit(wish.url).hostname or wish.url
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "Failed to validate the SSL certificate for %s: %s" % (host, reason.verify_message)
    if isinstance(reason, socket.gaierror):
        return "the name %s does not resolve" % host
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return "%s did not answer within %g s" % (host, wish.timeout_s)
    return "%s: %s" % (host, reason)


def save(reply: Reply, path: str, target: Target) -> int:
    """Read the body into a file, telling how far it is; Failed when it ends too early."""
    done, told = 0, time.monotonic()
    with open(path, "wb") as file:
        while True:
            target.stop.check()
            try:
                piece = reply.body.read(1 << 18)
            except (http.client.HTTPException, OSError, EOFError) as error:
                raise Failed("the download broke off after %d bytes: %s" % (done, error)) from error
            if not piece:
                break
            file.write(piece)
            done += len(piece)
            if time.monotonic() - told > 5:
                told = time.monotonic()
                target.say("stdout", _progress(done, reply.length))
        file.flush()
        os.fsync(file.fileno())
    if 0 <= reply.length != done:
        raise Failed("the download broke off: %d of %d bytes came" % (done, reply.length))
    return done


def _progress(done: int, length: int) -> str:
    if length <= 0:
        return "%.0f MB" % (done / 1e6)
    return "%.0f of %.0f MB (%d %%)" % (done / 1e6, length / 1e6, 100 * done // length)


def _headers(args: Mapping[str, Any]) -> Dict[str, str]:
    headers = {str(name): str(value) for name, value in (args["headers"] or {}).items()}
    headers.setdefault("User-Agent", args["http_agent"])
    if args["force"]:
        headers["Cache-Control"] = "no-cache"
    return headers


def _without_user_in_url(wish: Call) -> Call:
    parts = urllib.parse.urlsplit(wish.url)
    if not parts.username:
        return wish
    place = parts.netloc.rpartition("@")[2]
    user, password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
    return wish._replace(
        url=parts._replace(netloc=place).geturl(), user=wish.user or user, password=wish.password or password
    )


def _request(wish: Call) -> urllib.request.Request:
    request = urllib.request.Request(wish.url, data=wish.body, method=wish.method)
    unredirected = {name.lower() for name in wish.unredirected}
    for name, value in wish.headers.items():
        if name.lower() in unredirected:
            request.add_unredirected_header(name, value)
        else:
            request.add_header(name, value)
    user, password = _credentials(wish)
    if user and (wish.force_basic_auth or not wish.user):
        token = base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
        request.add_unredirected_header("Authorization", "Basic " + token)
    return request


def _credentials(wish: Call) -> Tuple[str, str]:
    if wish.user or not wish.use_netrc:
        return wish.user, wish.password
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(urllib.parse.urlsplit(wish.url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return "", ""
    return (found[0] or "", found[2] or "") if found else ("", "")


def _opener(wish: Call) -> urllib.request.OpenerDirector:
    handlers: List[urllib.request.BaseHandler] = [urllib.request.ProxyHandler(None if wish.use_proxy else {})]
    handlers.append(urllib.request.HTTPSHandler(context=_tls(wish)))
    handlers.append(_Redirects(wish.follow))
    if wish.user and not wish.force_basic_auth:
        known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        known.add_password(None, wish.url, wish.user, wish.password)
        handlers += [urllib.request.HTTPBasicAuthHandler(known), urllib.request.HTTPDigestAuthHandler(known)]
    if wish.unix_socket:
        handlers.append(_UnixSocket(wish.unix_socket))
    return urllib.request.build_opener(*handlers)


def _tls(wish: Call) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=wish.ca_path or None)
    if not wish.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if wish.ciphers:
        context.set_ciphers(wish.ciphers)
    if wish.client_cert:
        context.load_cert_chain(wish.client_cert, wish.client_key or None)
    return context


class _Redirects(urllib.request.HTTPRedirectHandler):
    """`follow_redirects` of uri: all, none, safe (GET and HEAD only), or as Python does."""

    def __init__(self, follow: str) -> None:
        self._follow = {"yes": "all", "no": "none"}.get(follow, follow)

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        method = req.get_method()
        if self._follow == "none" or (self._follow == "safe" and method not in ("GET", "HEAD")):
            return None
        again = super().redirect_request(req, fp, code, msg, headers, newurl) if method in _MAY_REDIRECT else None
        if again is None and self._follow == "all":
            again = urllib.request.Request(newurl, data=req.data, headers=req.headers, method=method)
        return again


_MAY_REDIRECT = ("GET", "HEAD", "POST")


class _UnixSocket(urllib.request.HTTPHandler):
    """HTTP over a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_through(self._path), req)


def _through(path: str) -> Callable[..., http.client.HTTPConnection]:
    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(path)

    return Connection
