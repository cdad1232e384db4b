"""An API behind Flask-Limiter. Arguments: port, strategy, limit."""

import sys

import waitress
from flask import Flask, jsonify
from flask_limiter import Limiter

port, strategy, limit = sys.argv[1:]
app = Flask(__name__)
app.config.update(RATELIMIT_HEADERS_ENABLED=True, RATELIMIT_STRATEGY=strategy, RATELIMIT_STORAGE_URI="memory://")
limiter = Limiter(lambda: "everybody", app=app)
counts = {"answered": 0, "refused": 0}


@app.get("/items")
@limiter.limit(limit)
def items():
    counts["answered"] += 1
    return jsonify([counts["answered"]])


@app.errorhandler(429)
def too_many(error):
    counts["refused"] += 1
    return jsonify(message=error.description), 429


@app.get("/counts")
@limiter.exempt
def show_counts():
    return jsonify(counts)


waitress.serve(app, host="127.0.0.1", port=int(port), threads=8)
