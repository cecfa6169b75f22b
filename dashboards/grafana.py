"""Makes the JSON of Grafana of titles, descriptions, units and expressions. pod.py and fleet.py have the content of the dashboards."""

SCHEMA_VERSION = 38  # Grafana 10.0; later ones migrate it when they load it
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24  # of Grafana's grid
# The suffixes that Kubernetes appends to the name of a workload: the hash of a ReplicaSet or the time of a Job, then five characters or a number.
SUFFIXES = "(-[b-df-hj-np-tv-xz0-9]+){0,2}"
WORKLOAD = "/^(.+?)(?:(?:-[b-df-hj-np-tv-xz24-9]{6,10}|-[0-9]{8,})?-(?:[b-df-hj-np-tv-xz24-9]{5}|[0-9]+))?$/"
OF_NAMESPACES = 'cluster=~"$cluster",namespace=~"$namespace"'
OF_PODS = f'{OF_NAMESPACES},pod=~"$workload{SUFFIXES}",pod=~"$pod"'


def selected(expr):
    """Inserts the dashboard's variables: `{@` selects the chosen pods, `{#` all pods of the chosen namespaces."""
    return expr.replace("{@", "{" + OF_PODS).replace("{#", "{" + OF_NAMESPACES)


class Query:
    """One expression of a panel, with `{@` and `{#` as in `selected`. `legend` is in the form of Grafana: "{{server}}"."""

    def __init__(self, expr, legend="__auto"):
        self.expr = expr
        self.legend = legend

    def target(self, number, table):
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": selected(self.expr),
            "format": "table" if table else "time_series",
            "instant": table,
            "legendFormat": self.legend,
            "range": not table,
            "refId": chr(ord("A") + number),
        }


class Panel:
    """A panel; `width` and `height` are in units of Grafana's grid. Each has a unit and a description."""

    kind = "timeseries"
    width, height = 8, 8

    def __init__(self, title, description, unit, *queries, limits=None, base="green", minimum=0, maximum=None,
                 stack=False, width=None, links=None):
        self.title = title
        self.description = description
        self.unit = unit
        self.queries = queries
        self.limits = [(None, base), *(limits or [])]  # (value from which, colour)
        self.minimum = minimum
        self.maximum = maximum
        self.stack = stack
        self.links = links or []
        self.width = width or self.width

    def defaults(self):
        defaults = {
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "custom": self.custom(),
            "links": self.links,
            "mappings": [],
            "min": self.minimum,
            "noValue": "none",
            "thresholds": {"mode": "absolute",
                           "steps": [{"color": colour, "value": value} for value, colour in self.limits]},
            "unit": self.unit,
        }
        if self.maximum is not None:
            defaults["max"] = self.maximum
        return defaults

    def custom(self):
        return {
            "drawStyle": "line",
            "fillOpacity": 30 if self.stack else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if self.stack else "none"},
            "thresholdsStyle": {"mode": "line" if len(self.limits) > 1 else "off"},
        }

    def options(self):
        return {
            "legend": {"calcs": ["mean", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }

    def overrides(self):
        """Draws a limit as a dashed line, which is never stacked onto the value that it limits."""
        dashed = {"id": "custom.lineStyle", "value": {"dash": [10, 10], "fill": "dash"}}
        plain = [{"id": "custom.fillOpacity", "value": 0}, {"id": "custom.stacking", "value": {"group": "A", "mode": "none"}}]
        legends = [query.legend for query in self.queries if query.legend.split(" ")[0] == "limit"]
        return [{"matcher": {"id": "byName", "options": legend}, "properties": [dashed, *plain]} for legend in legends]

    def transformations(self):
        return []

    def json(self, number, x, y):
        table = self.kind == "table"
        return {
            "datasource": DATASOURCE,
            "description": self.description,
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "id": number,
            "options": self.options(),
            "targets": [query.target(at, table) for at, query in enumerate(self.queries)],
            "title": self.title,
            "transformations": self.transformations(),
            "type": self.kind,
        }


class Stat(Panel):
    """One number, coloured by `limits`."""

    kind = "stat"
    width, height = 4, 4

    def __init__(self, *arguments, text="auto", **options):
        super().__init__(*arguments, **options)
        self.text = text  # "name": shows the legend instead of the value

    def custom(self):
        return {}

    def options(self):
        return {
            "colorMode": "value",
            "graphMode": "none" if self.text == "name" else "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": self.text,
        }


class StateTimeline(Panel):
    """Values over time as coloured bars."""

    kind = "state-timeline"

    def __init__(self, *arguments, words=("down", "up"), **options):
        super().__init__(*arguments, **options)
        self.words = words  # for 0 and 1

    def defaults(self):
        return super().defaults() | {
            "color": {"mode": "thresholds"},
            "mappings": [{"type": "value", "options": {"0": {"color": "red", "index": 0, "text": self.words[0]},
                                                       "1": {"color": "green", "index": 1, "text": self.words[1]}}}],
        }

    def custom(self):
        return {"fillOpacity": 70, "lineWidth": 0}

    def options(self):
        return {
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "mergeValues": True,
            "rowHeight": 0.9,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        }


class Table(Panel):
    """One row for each set of labels. `columns`: name and unit of each query's value, in order; `hidden`: labels without a column."""

    kind = "table"
    width, height = WIDTH, 10

    def __init__(self, title, description, columns, *queries, hidden=(), **options):
        super().__init__(title, description, "short", *queries, **options)
        self.columns = columns
        self.hidden = hidden

    def custom(self):
        return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}

    def options(self):
        return {"cellHeight": "sm", "footer": {"countRows": False, "fields": "", "reducer": ["sum"], "show": False}, "showHeader": True}

    def overrides(self):
        return [{"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
                for name, unit in self.columns]

    def transformations(self):
        # Grafana names the value of a single query "Value", and those of several "Value #A", "Value #B" ….
        values = ["Value"] if len(self.queries) == 1 else [f"Value #{chr(ord('A') + at)}" for at in range(len(self.queries))]
        return [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {
                "excludeByName": {name: True for name in ("Time", *self.hidden)},
                "indexByName": {},
                "renameByName": dict(zip(values, (name for name, _ in self.columns), strict=True)),
            }},
        ]


class Row:
    """A headline, and the panels below it from left to right."""

    def __init__(self, title, *panels):
        self.title = title
        self.panels = panels


def variables(multiple):
    """`multiple`: True if several namespaces and workloads may be chosen, which all are at first. Series without the label cluster count as one cluster."""

    def by_label(name, label, query, all_of_them, several, regex="", anything=".+"):
        chosen = {"selected": True, "text": ["All"] if several else "All", "value": ["$__all"] if several else "$__all"}
        return {
            "allValue": anything if all_of_them else None,
            **({"current": chosen} if all_of_them else {}),
            "datasource": DATASOURCE,
            "definition": query,
            "hide": 0,
            "includeAll": all_of_them,
            "label": label,
            "multi": several,
            "name": name,
            "options": [],
            "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            "refresh": 2,
            "regex": regex,
            "skipUrlSync": False,
            "sort": 1,
            "type": "query",
        }

    def values(label, selector=""):
        return f"label_values(pillion_build_info{selector}, {label})"

    return [
        {"hide": 0, "includeAll": False, "label": "Data source", "multi": False, "name": "datasource", "options": [],
         "query": "prometheus", "queryValue": "", "refresh": 1, "regex": "", "skipUrlSync": False, "type": "datasource"},
        by_label("cluster", "Cluster", values("cluster"), True, True, anything=".*"),
        by_label("namespace", "Namespace", values("namespace", '{cluster=~"$cluster"}'), multiple, multiple),
        by_label("workload", "Workload", values("pod", f"{{{OF_NAMESPACES}}}"), True, multiple, WORKLOAD),
        by_label("pod", "Pod", values("pod", f'{{{OF_NAMESPACES},pod=~"$workload{SUFFIXES}"}}'), True, True),
        {"current": {"selected": True, "text": "cluster", "value": "cluster"}, "hide": 0, "label": "May be unencrypted", "name": "plaintext",
         "options": [{"selected": True, "text": "cluster", "value": "cluster"}], "query": "cluster", "skipUrlSync": False, "type": "textbox"},
    ]


def annotation(name, expr, title, colour, *, enabled=True, is_time=True):
    """A line across the panels: at the time that the expression gives in milliseconds, or, if not `is_time`, as long as it has a value."""
    return {"datasource": DATASOURCE, "enable": enabled, "expr": selected(expr), "iconColor": colour, "name": name, "step": "30s",
            "tagKeys": "", "textFormat": "", "titleFormat": title, "useValueForTime": is_time}


def place(rows):
    """The panels with their numbers and positions."""
    placed = []
    y = 0
    for row in rows:
        placed.append({"collapsed": False, "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}, "id": len(placed) + 1, "panels": [],
                       "title": row.title, "type": "row"})
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            placed.append(panel.json(len(placed) + 1, x, y))
            x += panel.width
            height = max(height, panel.height)
        y += height
    return placed


def dashboard(uid, title, description, rows, *, multiple, links, annotations):
    """A whole dashboard, ready for json.dump."""
    return {
        "annotations": {"list": annotations},
        "description": description,
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": links,
        "liveNow": False,
        "panels": place(rows),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["pillion", "dns"],
        "templating": {"list": variables(multiple)},
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": title,
        "uid": uid,
        "version": 1,
        "weekStart": "",
    }
