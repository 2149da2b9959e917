//! How a picture of the source becomes one that is encoded: turned upright, and without an odd column or row.

use std::str::FromStr;

use num_rational::Ratio;

use super::media::{Container, Cropping, Space, Video};

/// The part of any picture that 4:2:0 can hold, for ffmpeg's filter crop: where the size of pictures may change on the way.
pub const EVEN: &str = "trunc(iw/2)*2:trunc(ih/2)*2";

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// Width and height.
    pub size: (u32, u32),
    /// How far it lies from the left edge and from the upper one.
    pub at: (u32, u32),
}

impl Crop {
    /// ffmpeg's filter that leaves nothing but it.
    #[must_use]
    pub fn filter(&self) -> String {
        let ((width, height), (x, y)) = (self.size, self.at);
        format!("crop={width}:{height}:{x}:{y}")
    }
}

/// As ffmpeg's crop takes it: `1920:800:0:140`.
impl FromStr for Crop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[width, height, x, y]) if width > 0 && height > 0 => Ok(Self {
                size: (width, height),
                at: (x, y),
            }),
            _ => Err(format!("`{text}` is no W:H:X:Y, such as 1920:800:0:140")),
        }
    }
}

/// A turn that brings a picture upright, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is upright.
    None,
    /// By 90 degrees.
    Right,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    Left,
}

/// What is done to the geometry of every picture of a film. The size of what is encoded, the shape of its pixels, and what
/// each reader is told follow from it and from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    coded: (u32, u32),
    sample_aspect: Ratio<u32>,
    turn: Turn,
}

impl Shape {
    /// That of a film of this `video`.
    #[must_use]
    pub fn of(video: &Video) -> Self {
        Self {
            coded: (video.width, video.height),
            sample_aspect: video.sample_aspect,
            turn: match video.rotation {
                90 => Turn::Right,
                180 => Turn::Half,
                270 => Turn::Left,
                _ => Turn::None,
            },
        }
    }

    /// How pictures are turned.
    #[must_use]
    pub fn turn(&self) -> Turn {
        self.turn
    }

    fn lies_on_its_side(&self) -> bool {
        matches!(self.turn, Turn::Right | Turn::Left)
    }

    /// Width and height of a whole picture, upright.
    #[must_use]
    pub fn upright(&self) -> (u32, u32) {
        let (width, height) = self.coded;
        if self.lies_on_its_side() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Width and height in which it is encoded: even, as 4:2:0 needs them.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.upright();
        (width & !1, height & !1)
    }

    /// The part of an upright picture that is encoded: all but an odd column at its right, and an odd row at its bottom.
    #[must_use]
    pub fn kept(&self) -> Crop {
        Crop {
            size: self.size(),
            at: (0, 0),
        }
    }

    /// Whether a picture is encoded as it is coded in the source.
    #[must_use]
    pub fn is_as_coded(&self) -> bool {
        self.turn == Turn::None && self.size() == self.coded
    }

    /// The shape of a pixel of what is encoded.
    #[must_use]
    pub fn sample_aspect(&self) -> Ratio<u32> {
        if self.lies_on_its_side() {
            self.sample_aspect.recip()
        } else {
            self.sample_aspect
        }
    }
}

impl Video {
    /// How its pictures become those that are encoded.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape::of(self)
    }
}

impl Container {
    /// The shape of a pixel of what is encoded, as a reader sees it who crops pictures as the container says, or as one does who
    /// shows all of them in the same space.
    #[must_use]
    pub fn sample_aspect(&self, cropped: bool) -> Ratio<u32> {
        let (width, height) = self.video.shape().size();
        let of_shown = |Cropping { edges, shown }: Cropping| {
            let [left, top, right, bottom] = edges.map(|pixels| if cropped { pixels } else { 0 });
            let wide = width.checked_sub(left)?.checked_sub(right)?;
            let high = height.checked_sub(top)?.checked_sub(bottom)?;
            let (shown_wide, shown_high) = shown?;
            aspect(
                u64::from(shown_wide) * u64::from(high),
                u64::from(shown_high) * u64::from(wide),
            )
        };
        let of_crop = self.space.crop.and_then(of_shown);
        of_crop.unwrap_or_else(|| self.video.shape().sample_aspect())
    }
}

/// A ratio of numbers that are not nought and, once reduced, not too large.
fn aspect(wide: u64, high: u64) -> Option<Ratio<u32>> {
    let ratio = Ratio::new(wide, Some(high).filter(|high| *high > 0)?);
    let number = |number: &u64| u32::try_from(*number).ok();
    let ratio = Ratio::new(number(ratio.numer())?, number(ratio.denom())?);
    (*ratio.numer() > 0).then_some(ratio)
}

impl Space {
    /// The same for pictures as this `video` is encoded: what they are not cropped by any more is warned of.
    #[must_use]
    pub fn of(self, video: &Video, warnings: &mut Vec<String>) -> Self {
        if video.shape().is_as_coded() || self.crop.is_none() {
            return self;
        }
        warnings.push(
            "the cropping that its container says is left out: its pictures are encoded turned, or without an odd row or column"
                .to_owned(),
        );
        Self { crop: None, ..self }
    }
}

/// The name by which ffmpeg knows pictures as they are encoded: 4:2:0 of 8 bit, or of 10 in two bytes.
#[must_use]
pub fn pixel_format(bit_depth: u8) -> &'static str {
    match bit_depth {
        8 => "yuv420p",
        _ => "yuv420p10le",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::media::examples::media;

    fn shape(size: (u32, u32), rotation: u16) -> Shape {
        let mut video = media().container.video;
        (video.width, video.height) = size;
        video.sample_aspect = Ratio::new(16, 15);
        video.rotation = rotation;
        Shape::of(&video)
    }

    #[test]
    fn a_film_on_its_side_is_encoded_upright_with_its_pixels_turned() {
        for (rotation, size, aspect) in [
            (0, (720, 576), (16, 15)),
            (90, (576, 720), (15, 16)),
            (180, (720, 576), (16, 15)),
            (270, (576, 720), (15, 16)),
        ] {
            let shape = shape((720, 576), rotation);
            assert_eq!(shape.size(), size, "{rotation}");
            assert_eq!(shape.sample_aspect().into_raw(), aspect, "{rotation}");
            assert_eq!(shape.is_as_coded(), rotation == 0, "{rotation}");
        }
    }

    #[test]
    fn pixels_have_the_shape_that_what_is_left_of_a_picture_has_where_it_is_shown() {
        let mut film = media().container;
        (film.video.width, film.video.height) = (192, 108);
        film.video.sample_aspect = Ratio::new(16, 15);
        let crop = |edges, shown| Some(Cropping { edges, shown });
        film.space.crop = crop([2, 14, 0, 0], Some((190, 94)));
        assert_eq!(film.sample_aspect(true).into_raw(), (1, 1));
        assert_eq!(film.sample_aspect(false).into_raw(), (855, 752));
        // Nobody says how large, or what is said makes no sense.
        for crop in [
            None,
            crop([2, 14, 0, 0], None),
            crop([200, 0, 0, 0], Some((1, 1))),
        ] {
            film.space.crop = crop;
            assert_eq!(film.sample_aspect(true).into_raw(), (16, 15), "{crop:?}");
        }
    }

    #[test]
    fn what_is_odd_is_left_out_at_the_right_and_at_the_bottom_once_it_is_upright() {
        for (coded, rotation, kept) in [
            ((641, 360), 0, "crop=640:360:0:0"),
            ((641, 360), 90, "crop=360:640:0:0"),
            ((641, 361), 180, "crop=640:360:0:0"),
        ] {
            let shape = shape(coded, rotation);
            assert_eq!(shape.kept().filter(), kept, "{rotation}");
            assert!(!shape.is_as_coded());
        }
        assert_eq!(shape((641, 361), 90).upright(), (361, 641));
    }
}
