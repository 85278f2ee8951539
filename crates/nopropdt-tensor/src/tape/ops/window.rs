//! Windows that move over images [B, H, W, C].

/// Size, step and padding of a window, rows and columns alike in each pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub size: [usize; 2],
    /// Rows and columns from one place to the next.
    pub stride: [usize; 2],
    /// Rows and columns of zeros, or of nothing in a pool, around the image, on either side.
    pub padding: [usize; 2],
}

impl Window {
    /// A square window, its places `stride` apart, on an image with `padding` around it.
    #[must_use]
    pub fn square(size: usize, stride: usize, padding: usize) -> Self {
        Self { size: [size; 2], stride: [stride; 2], padding: [padding; 2] }
    }

    /// Rows and columns of places on an image of so many rows and columns: (side + 2·padding − size)/stride + 1, rounded down.
    ///
    /// # Panics
    /// When the window is empty, doesn't move, or is larger than the padded image.
    pub(super) fn places(&self, what: &str, image: [usize; 2]) -> [usize; 2] {
        let places = self.fitting(image);
        places.unwrap_or_else(|| {
            panic!("{what}: {self:?} does not fit images of {}×{} pixels", image[0], image[1])
        })
    }

    /// [`Window::places`], none where the window does not fit.
    pub(crate) fn fitting(&self, image: [usize; 2]) -> Option<[usize; 2]> {
        let Self { size, stride, padding } = self;
        let side = |axis: usize| image[axis] + 2 * padding[axis];
        let fits = |axis: usize| stride[axis] > 0 && (1..=side(axis)).contains(&size[axis]);
        let places = |axis: usize| (side(axis) - size[axis]) / stride[axis] + 1;
        (fits(0) && fits(1)).then(|| [places(0), places(1)])
    }

    /// For each pixel of the window at a place, in rows: its number within the window and its place in the image, if it is within.
    pub(super) fn pixels(
        &self,
        [row, column]: [usize; 2],
        [height, width]: [usize; 2],
    ) -> impl Iterator<Item = (usize, usize)> {
        let Self { size, stride, padding } = *self;
        let within = move |place: usize, axis: usize, offset: usize, side: usize| {
            (place * stride[axis] + offset).checked_sub(padding[axis]).filter(|&at| at < side)
        };
        (0..size[0]).flat_map(move |down| {
            let y = within(row, 0, down, height);
            (0..size[1]).filter_map(move |right| {
                let x = within(column, 1, right, width)?;
                Some((down * size[1] + right, y? * width + x))
            })
        })
    }
}

/// [B, H, W, C] of images.
///
/// # Panics
/// When the shape is none of images.
pub(super) fn image_shape(what: &str, shape: &[usize]) -> [usize; 4] {
    shape.try_into().unwrap_or_else(|_| panic!("{what}: wants images [B, H, W, C]; shape is {shape:?}"))
}
