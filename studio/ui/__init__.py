"""The windows. The only room that knows Qt; `studio.ui.application.run` opens them."""
