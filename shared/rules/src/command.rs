//! The commands that begin a stage: what each is called, and whether it is built.

/// What a stage begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    ImageMogr2,
    ImageView2,
    Watermark,
    ImageSlim,
    Info(Info),
    Style,
    /// Known, and not ours to do.
    Refused,
}

/// What is told of a picture in place of a picture: the last stage of a rule, without values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Info {
    /// `imageInfo`: format, size and the like.
    Image,
    /// `imageAve`: the average color.
    Average,
    /// `exif`: the EXIF tags.
    Exif,
}

impl Info {
    /// The command that asks for it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Image => "imageInfo",
            Self::Average => "imageAve",
            Self::Exif => "exif",
        }
    }
}

/// A command and its name.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// Whether it is done; others are refused by name.
    pub(crate) built: bool,
}

const fn named(name: &'static str, command: Command, built: bool) -> Named {
    Named {
        name,
        command,
        built,
    }
}

/// Every name of a command. Letter case means nothing.
pub(crate) static COMMANDS: [Named; 16] = [
    named("imageMogr2", Command::ImageMogr2, true),
    named("imageView2", Command::ImageView2, false),
    named("watermark", Command::Watermark, false),
    named("imageSlim", Command::ImageSlim, false),
    named("imageInfo", Command::Info(Info::Image), true),
    named("imageAve", Command::Info(Info::Average), true),
    named("exif", Command::Info(Info::Exif), true),
    named("style", Command::Style, false),
    named("imageMogr", Command::ImageMogr2, true),
    named("imageView", Command::ImageView2, false),
    named("QRcode", Command::Refused, false),
    named("saveas", Command::Refused, false),
    named("vframe", Command::Refused, false),
    named("avinfo", Command::Refused, false),
    named("GoodsMatting", Command::Refused, false),
    named("AIGCMetadata", Command::Refused, false),
];

/// The names that begin a processing rule.
pub const VERBS: [&str; COMMANDS.len()] = {
    let mut verbs = [""; COMMANDS.len()];
    let mut n = 0;
    while n < verbs.len() {
        verbs[n] = COMMANDS[n].name;
        n += 1;
    }
    verbs
};

/// The command of this name, in any letter case.
pub(crate) fn find(name: &str) -> Option<&'static Named> {
    let mut commands = COMMANDS.iter();
    commands.find(|known| known.name.eq_ignore_ascii_case(name))
}

/// The command that a decoded item of a query begins with, as it is written there, if the item is a processing rule.
///
/// Any number of `|` may stand before it. `style` is one only with a name after it: `?style` alone is the bucket's list.
pub fn verb(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('|');
    let end = text.find(['/', '|', ';']).unwrap_or(text.len());
    let verb = &text[..end];
    let style = find(verb)?.command == Command::Style;
    (!style || text[end..].starts_with('/')).then_some(verb)
}

/// The commands that are built, for messages.
pub(crate) fn supported() -> String {
    let first = |known: &&Named| {
        let mut same = COMMANDS
            .iter()
            .filter(|other| other.command == known.command);
        known.built && same.next().is_some_and(|other| other.name == known.name)
    };
    let built = COMMANDS.iter().filter(first);
    built.map(|known| known.name).collect::<Vec<_>>().join(", ")
}
