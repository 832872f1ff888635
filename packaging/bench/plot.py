# SPDX-License-Identifier: Apache-2.0
"""Line charts with two logarithmic axes, as plain SVG."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 120, 40, 50
COLOURS = ("#4d4d4d", "#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by colour-blind eyes, too


def decades(values):
    """First and last power of ten around the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def tick_text(power):
    return f"{10 ** power:,}" if power >= 0 else f"{10.0 ** power:g}"


def chart(title, x_title, series):
    """`series`: {name: [(x, y)]}, all above 0."""
    points = [point for line in series.values() for point in line]
    (x_low, x_high), (y_low, y_high) = decades([x for x, _ in points]), decades([y for _, y in points])
    x_at = lambda x: LEFT + (math.log10(x) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
    y_at = lambda y: HEIGHT - BOTTOM - (math.log10(y) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>']
    for power in range(x_low, x_high + 1):
        x = x_at(10.0 ** power)
        out.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick_text(power)}</text>')
    for power in range(y_low, y_high + 1):
        y = y_at(10.0 ** power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick_text(power)}</text>')
    out.append(f'<text x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>')
    for (name, line), colour in zip(series.items(), COLOURS):
        line = sorted(line)
        path = "L".join(f"{x_at(x):.1f} {y_at(y):.1f}" for x, y in line)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        out.append(f'<text x="{right + 8}" y="{y_at(line[-1][1]) + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join(out + ["</svg>\n"])
