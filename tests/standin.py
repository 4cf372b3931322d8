"""A local server that answers as MAST, its cloud copy and Zenodo do, in the form of their recorded answers.

Only the addresses are redirected: what talks to it is the real client code.
"""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

# The columns of an answer that are looked at, and some that are not, in the service's own types.
OBSERVATION = {
    "obs_collection": "string",
    "instrument_name": "string",
    "intentType": "string",
    "filters": "string",
    "proposal_id": "string",
    "obs_id": "string",
    "obsid": "string",
    "target_name": "string",
    "t_exptime": "float",
}
PRODUCT = {
    "obsID": "string",
    "obs_collection": "string",
    "obs_id": "string",
    "description": "string",
    "dataURI": "string",
    "productType": "string",
    "productSubGroupDescription": "string",
    "productFilename": "string",
    "size": "int",
}


class Standin:
    """What the server holds and does.

    Attributes
    ----------
    files : dict of str to bytes
        By path and query, as they are asked for.
    observations, products : list of dict
        Rows of MAST's tables.
    cut : dict of str to int
        Paths whose next answer ends after so many bytes.
    status : dict of str to int
        Paths that are answered with an error.
    ranges, tags : bool
        Whether parts of files are given, and versions of files named.
    heedless : bool
        Whether a part is given of whatever version there is.
    most : int or None
        No answer with a part of a file is longer.
    asked : list of (str, str, str)
        Method, path and Range of every request.
    """

    def __init__(self):
        self.files, self.observations, self.products = {}, [], []
        self.cut, self.status, self.asked = {}, {}, []
        self.ranges, self.tags, self.heedless, self.most = True, True, False, None

    def paths(self, word):
        """The paths with a word in them that were asked for."""
        return [path for _, path, _ in self.asked if word in path]

    def add_exposure(self, obsid, observation, name, content):
        """An exposure, and what else MAST lists beside it."""
        uri = f"mast:HST/product/{name}_flc.fits"
        self.files[f"/api/v0.1/Download/file?uri={uri}"] = content
        self.files[f"/stpubdata/hst/public/{name[:4]}/{name}/{name}_flc.fits"] = content
        for suffix, size in (("raw", 9), ("flt", 9), ("flc", len(content))):
            row = dict.fromkeys(PRODUCT, "") | {
                "obsID": obsid,
                "obs_collection": "HST",
                "obs_id": observation,
                "dataURI": f"mast:HST/product/{name}_{suffix}.fits",
                "productSubGroupDescription": suffix.upper(),
                "productFilename": f"{name}_{suffix}.fits",
                "size": size,
            }
            self.products.append(row)

    def add_observation(self, obsid, obs_id, filters, proposal):
        """An observation: an exposure, an association, or a mosaic made of them."""
        row = dict.fromkeys(OBSERVATION, "") | {
            "obs_collection": "HST",
            "instrument_name": "ACS/WFC",
            "intentType": "science",
            "filters": filters,
            "proposal_id": str(proposal),
            "obs_id": obs_id,
            "obsid": obsid,
            "t_exptime": 340.0,
        }
        self.observations.append(row)

    def invoke(self, request):
        """The answer of the portal to a request."""
        if request["service"] == "Mast.Caom.Filtered":
            rows, columns = self.observations, OBSERVATION
            for wanted in request["params"]["filters"]:
                name, values, mark = wanted["paramName"], wanted["values"], wanted.get("separator", "\0")
                rows = [row for row in rows if set(row[name].split(mark)) & set(values)]
        else:
            obsids = request["params"]["obsid"].split(",")
            self.asked.append(("POST", "products of " + ",".join(obsids), ""))
            rows, columns = [row for row in self.products if row["obsID"] in obsids], PRODUCT
        paging = {"page": 1, "pageSize": request["pagesize"], "pagesFiltered": 1, "rows": len(rows)}
        fields = [{"name": name, "type": kind} for name, kind in columns.items()]
        return {"status": "COMPLETE", "msg": "", "fields": fields, "data": rows, "paging": paging}

    def columns(self):
        """The description of the columns: only what a query needs of it."""
        config = {name: {"vot.datatype": "char"} for name in OBSERVATION}
        config["filters"]["separator"] = ";"
        return config

    def lookup(self, uris):
        """Where the cloud copy has files, or that it has not."""
        found = {}
        for uri in uris:
            name = uri.rpartition("/")[2]
            path = f"/hst/public/{name[:4]}/{name.partition('_')[0]}/{name}"
            here = "/stpubdata" + path in self.files
            found[uri] = {"status_code": 200 if here else 404, "path": path if here else None}
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer(body=True)

    def do_HEAD(self):
        self._answer(body=False)

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        standin = self.server.standin
        standin.asked.append(("POST", self.path, ""))
        if self.path in standin.status:
            self._send(standin.status[self.path], b"<html>sorry</html>", {})
        elif self.path == "/api/v0/invoke":
            self._json(standin.invoke(json.loads(unquote(text.removeprefix("request=")))))
        else:
            self._json(standin.columns())

    def _answer(self, body):
        standin, path = self.server.standin, unquote(self.path)
        standin.asked.append((self.command, path, self.headers.get("Range", "")))
        if path in standin.status:
            self._send(standin.status[path], b"<html>sorry</html>", {}, body)
        elif path.startswith("/api/v0.1/path_lookup/"):
            self._json(standin.lookup(parse_qs(urlsplit(path).query)["uri"]))
        elif path not in standin.files:
            self._send(404, b"<html>no such file</html>", {}, body)
        else:
            self._file(path, standin.files[path], body)

    def _file(self, path, content, body):
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        standin, asked = self.server.standin, self.headers.get("Range")
        headers, start, end, status = {"ETag": tag} if standin.tags else {}, 0, len(content), 200
        same = standin.heedless or self.headers.get("If-Range", tag) == tag
        if asked and standin.ranges and same:
            start, status = int(asked.removeprefix("bytes=").partition("-")[0]), 206
            if start >= len(content):
                self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            end = min(end, start + (standin.most or end))
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self._send(status, content[start:end], headers, body, standin.cut.pop(path, None))

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status, content, headers, body=True, cut=None):
        self.send_response(status)
        for name, value in ({"Content-Length": len(content)} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        if body:
            self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True


@contextmanager
def serving():
    """Serve on a free port of this machine.

    Yields
    ------
    (str, Standin)
        The address, and what it holds.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.standin = Standin()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.standin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
