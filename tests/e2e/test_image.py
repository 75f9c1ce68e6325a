"""
The image without Docker: its build stage carried out step by step from a clean copy of the repository, and what comes
out of it at work.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.compose import write
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests import dockerfile
from tests.deploy_tools import ROOT
from tests.servers import missing_server

BUILD, LAST = dockerfile.stages((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
BUILT_S = 150
KEYS = dict.fromkeys(("TASUKI_API_KEY", "TASUKI_FEED_KEY_DASHBOARD"), "0123456789abcdef")
NOWHERE = {"LANG": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "120"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an image in which the build stage was carried out, down to the last step."""
    folder = tmp_path_factory.mktemp("image")
    context, root = folder / "context", folder / "root"
    root.mkdir()
    listed = subprocess.run(
        ["/usr/bin/git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    dockerfile.sent(ROOT, context, [each for each in listed.stdout.splitlines() if (ROOT / each).exists()])
    uv = Path(sys.executable).parent / "uv"
    made = subprocess.run(  # noqa: S603 -- ours
        [uv, "venv", "--quiet", "--seed", "--python", sys.executable, folder / "base"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        missing_server("package registry", made.stderr)
    stage = dockerfile.Stage(root, context, dockerfile.base(folder / "base" / "bin"))
    for step in BUILD:
        try:
            stage.carry_out(step)
        except subprocess.CalledProcessError as error:
            if "pip install" in step.rest:
                missing_server("package registry", error.stderr)
            pytest.fail(f"{step.word} {step.rest}\n{error.stderr}")
    return root


def tasuki(image: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the image's command from an empty folder, with *environ* alone."""
    program = image / "opt" / "tasuki" / "bin" / "tasuki"
    (image / "empty").mkdir(exist_ok=True)
    return subprocess.run(  # noqa: S603 -- ours
        [program, *arguments],
        cwd=image / "empty",
        env={**NOWHERE, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_last_stage_takes_what_was_built_to_where_it_was_built() -> None:
    """The commands' first lines name the Python beside them: elsewhere they wouldn't start."""
    copied = [step.rest for step in LAST if step.word == "COPY"]
    assert copied[0] == "--from=build /opt/tasuki /opt/tasuki"
    assert all((ROOT / each.split()[0]).is_file() for each in copied[1:])
    assert BUILD[0].rest.split()[0] == LAST[0].rest


def test_the_image_runs_as_nobody_in_particular() -> None:
    """By number, so that Kubernetes can see that it isn't root; and nothing is installed by the system's packages."""
    assert [step.rest for step in LAST if step.word == "USER"] == ["10001:10001"]
    assert not [step for step in (*BUILD, *LAST) if "apt" in step.rest]


def test_the_base_is_pinned_and_no_registry_is_named() -> None:
    """A tag with a version; where images and packages come from is the builder's choice."""
    bases = [stage[0].rest.split()[0] for stage in (BUILD, LAST)]
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", each) for each in bases)
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.timeout(BUILT_S)
def test_what_is_built_stands_alone(image: Path) -> None:
    """The command answers, no test tool is in it, and nothing in it leads back to the sources."""
    assert tasuki(image, "--help").returncode == 0
    packages = next((image / "opt" / "tasuki" / "lib").glob("python3.*")) / "site-packages"
    names = {each.name for each in packages.iterdir()}
    assert {"services", "schemas", "opentelemetry"} <= names
    assert not {"pytest", "ruff", "hypothesis"} & names
    assert not list(packages.glob("*.pth")) or "context" not in "".join(
        each.read_text() for each in packages.glob("*.pth")
    )
    assert (packages / "services" / "runtime" / "commit.lua").is_file()


@pytest.mark.timeout(BUILT_S)
def test_what_is_built_needs_no_place_to_write(image: Path) -> None:
    """Byte code is there already, as a container on a read-only file system can't make it."""
    packages = next((image / "opt" / "tasuki" / "lib").glob("python3.*")) / "site-packages"
    assert list((packages / "services" / "cli" / "__pycache__").glob("main.*.pyc"))
    assert list((packages / "redis" / "__pycache__").glob("client.*.pyc"))


@pytest.mark.timeout(BUILT_S)
async def test_its_sandboxes_and_the_configuration_of_compose_agree(image: Path, tmp_path: Path) -> None:
    """`tasuki check` is content with them, as the containers would find each other; the hosts here are this machine."""
    config = tmp_path / "tasuki.toml"
    config.write_text(write.text(), encoding="utf-8")
    async with (
        sandbox(image, config, "hubspot", "--port", "0") as hubspot,
        sandbox(image, config, "salesforce", "--port", "0", "--grpc-port", "0") as salesforce,
    ):
        places = {
            "http://hubspot:8101": f"http://127.0.0.1:{hubspot['base_url'].rpartition(':')[2]}",
            "http://salesforce:8102": f"http://127.0.0.1:{salesforce['login_url'].rpartition(':')[2]}",
            "salesforce:8103": f"127.0.0.1:{salesforce['pubsub'].rpartition(':')[2]}",
        }
        text = write.text()
        for named, there in places.items():
            assert named in text
            text = text.replace(named, there)
        config.write_text(text, encoding="utf-8")
        checked = await asyncio.to_thread(
            tasuki, image, "check", "--config", str(config), **DEMO_ENVIRONMENT, **KEYS
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


@asynccontextmanager
async def sandbox(image: Path, config: Path, vendor: str, *options: str) -> AsyncGenerator[dict[str, str]]:
    """Run a sandbox as its container does; yield what it tells to put into tasuki.toml."""
    program = image / "opt" / "tasuki" / "bin" / "tasuki"
    process = await asyncio.create_subprocess_exec(
        *(program, "sandbox", vendor, "--host", "0.0.0.0", "--config", config, *options),  # noqa: S104
        cwd=config.parent,
        env=NOWHERE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told: dict[str, str] = {}
    try:
        async with asyncio.timeout(30):
            while "in the environment" not in (line := (await process.stdout.readline()).decode()):
                assert line or process.returncode is None, f"the {vendor} sandbox ended"
                name, equals, value = line.strip().partition(" = ")
                if equals:
                    told[name] = value.strip('"')
        yield told
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
