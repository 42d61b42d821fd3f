document.querySelector("#greeting").textContent = "Hello from an image that no daemon built.";
