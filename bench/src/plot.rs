//! Plots, as SVG: a few panels beside each other, each with a line or two over the same scale.

use std::fmt::Write as _;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 240.0;
/// What is left for labels: on the left, above, on the right, below.
const MARGIN: [f64; 4] = [56.0, 44.0, 14.0, 34.0];
const LINES: usize = 4;

/// One plot.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// From left to right.
    pub(crate) points: Vec<(f64, f64)>,
    /// What stands below, and where.
    pub(crate) ticks: Vec<(f64, String)>,
    /// A dashed line that is not to be crossed.
    pub(crate) limit: Option<f64>,
    /// A stretch that is shaded.
    pub(crate) shaded: Option<(f64, f64)>,
    /// Whether each point is marked.
    pub(crate) is_marked: bool,
}

/// All of them beside each other, below a heading.
pub(crate) fn svg(heading: &str, panels: &[Panel]) -> String {
    let (width, height) =
        (WIDTH * f64::from(u32::try_from(panels.len()).unwrap_or(1)), HEIGHT + 26.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"14\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{heading}</text>\n"
    );
    let mut left = 0.0;
    for panel in panels {
        // Writing to a text does not fail.
        let _ = writeln!(text, "<g transform=\"translate({left} 26)\">\n{}</g>", panel.draw());
        left += WIDTH;
    }
    text.push_str("</svg>\n");
    text
}

impl Panel {
    fn draw(&self) -> String {
        let scale = Scale::of(self);
        let mut text = format!("<text x=\"14\" y=\"22\" font-size=\"12\">{}</text>\n", self.title);
        if let Some((from, to)) = self.shaded {
            let (from, to, top) = (scale.x(from), scale.x(to), scale.y(scale.most));
            let (width, height) = (to - from, scale.y(0.0) - top);
            let _ = writeln!(
                text,
                "<rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#eee\"/>"
            );
        }
        for (value, label) in scale.lines() {
            text.push_str(&scale.horizontal(value, "stroke=\"#ddd\""));
            let (x, y) = (MARGIN[0] - 6.0, scale.y(value) + 4.0);
            let _ = writeln!(
                text,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>"
            );
        }
        for (at, label) in &self.ticks {
            let (x, y) = (scale.x(*at), HEIGHT - MARGIN[3] + 18.0);
            let _ = writeln!(
                text,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>"
            );
        }
        if let Some(limit) = self.limit {
            text.push_str(&scale.horizontal(limit, "stroke=\"#b00\" stroke-dasharray=\"5 4\""));
        }
        text.push_str(&self.line(&scale));
        text
    }

    fn line(&self, scale: &Scale) -> String {
        let places: Vec<_> = self.points.iter().map(|(x, y)| (scale.x(*x), scale.y(*y))).collect();
        let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let path = path.join(" ");
        let mut text = format!(
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"#15c\" stroke-width=\"2\"/>\n"
        );
        for ((x, y), (_, value)) in places.iter().zip(&self.points).filter(|_| self.is_marked) {
            let (above, value) = (y - 8.0, short(*value));
            let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"#15c\"/>");
            let _ = writeln!(
                text,
                "<text x=\"{x:.1}\" y=\"{above:.1}\" text-anchor=\"middle\">{value}</text>"
            );
        }
        text
    }
}

/// Where a value is within a panel.
struct Scale {
    first: f64,
    last: f64,
    most: f64,
}

impl Scale {
    fn of(panel: &Panel) -> Self {
        let xs = || panel.points.iter().map(|(x, _)| *x).chain(panel.ticks.iter().map(|(x, _)| *x));
        let highest = panel.points.iter().map(|(_, y)| *y).chain(panel.limit).fold(0.0, f64::max);
        let (first, last) =
            (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
        Self { first, last, most: round_up(highest * 1.1) }
    }

    fn x(&self, value: f64) -> f64 {
        // The first and the last stand a little inside.
        let room = WIDTH - MARGIN[0] - MARGIN[2] - 40.0;
        MARGIN[0]
            + 20.0
            + room * (value - self.first) / (self.last - self.first).max(f64::MIN_POSITIVE)
    }

    fn y(&self, value: f64) -> f64 {
        let room = HEIGHT - MARGIN[1] - MARGIN[3];
        HEIGHT - MARGIN[3] - room * value / self.most
    }

    fn lines(&self) -> impl Iterator<Item = (f64, String)> {
        (0..=LINES).map(|line| {
            let value = self.most * f64::from(u32::try_from(line).unwrap_or(0)) / 4.0;
            (value, short(value))
        })
    }

    fn horizontal(&self, value: f64, style: &str) -> String {
        let (y, from, to) = (self.y(value), MARGIN[0], WIDTH - MARGIN[2]);
        format!("<line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" {style}/>\n")
    }
}

/// The next number of one digit, or one and a half, that is no smaller.
fn round_up(value: f64) -> f64 {
    let unit = 10_f64.powf(value.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * unit).find(|round| *round >= value).unwrap_or(value)
}

/// Three digits at most behind the first.
fn short(value: f64) -> String {
    let text = if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_fits_and_scales_are_round() {
        let rounded = [0.9, 11.0, 120.0, 260.0].map(|value| short(round_up(value)));
        assert_eq!(rounded, ["1", "15", "150", "300"]);
        assert_eq!([0.0, 0.5, 12.25, 1170.0].map(short), ["0", "0.5", "12.25", "1170"]);
    }

    #[test]
    fn what_is_plotted_lies_between_the_lines() {
        let panel = Panel {
            title: "t".to_owned(),
            points: vec![(4.0, 10.0), (7.0, 20.0)],
            ticks: vec![(4.0, "10 k".to_owned())],
            limit: Some(26.0),
            shaded: None,
            is_marked: true,
        };
        let scale = Scale::of(&panel);
        assert!(scale.x(4.0) >= MARGIN[0] && scale.x(7.0) <= WIDTH - MARGIN[2]);
        assert!(scale.y(26.0) >= MARGIN[1] && scale.y(0.0) <= HEIGHT - MARGIN[3]);
        assert!(svg("h", &[panel]).ends_with("</svg>\n"));
    }
}
