"""What a client can be asked by the `everything` server: the features of `exercise.py` about the user, the model and
the roots. The tools that ask are the same in both eras; how the questions travel differs, and is seen on the wire."""

import asyncio
import json

import common
from over import HTTP, HTTP_SSE
from side import STATELESS, equal, refused, true, until

ELICIT, SAMPLE, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"
WORKSPACE = {"uri": "file:///workspace", "name": "Workspace"}


class Answers:
    """What the client's handlers answer, and what they were asked. An SDK's handlers only pass on to `answer`."""

    def __init__(self):
        self.asked = []
        self.giving = {}
        self.withdrawn = 0

    def give(self, giving):
        """From now on: by the method that asks, the result, or what makes it of the question."""
        self.asked = []
        self.giving = giving

    async def answer(self, method, params):
        self.asked.append((method, params))
        giving = self.giving[method]
        if not callable(giving):
            return giving
        try:
            result = giving(params)
            return await result if asyncio.iscoroutine(result) else result
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise


def accept(**content):
    return {"action": "accept", "content": content}


def blocks(message):
    content = message["content"]
    return content if isinstance(content, list) else [content]


def say(text):
    return {"role": "assistant", "content": {"type": "text", "text": text}, "model": "none", "stopReason": "endTurn"}


def callbacks(answers, types):
    """What an SDK of Python is given to ask; `types` are its own. Without answers, nothing that could be asked."""
    if answers is None:
        return {}

    async def elicit(_context, params):
        return types.ElicitResult(**await answers.answer(ELICIT, common.wire(params)))

    async def sample(_context, params):
        return sampled(await answers.answer(SAMPLE, common.wire(params)), types)

    async def roots(_context):
        return types.ListRootsResult(**await answers.answer(ROOTS, {}))

    return {
        "elicitation_callback": elicit,
        "sampling_callback": sample,
        "sampling_capabilities": with_tools(types),
        "list_roots_callback": roots,
    }


def with_tools(types):
    return types.SamplingCapability(tools=types.SamplingToolsCapability())


def sampled(answer, types):
    """The SDKs have a type of their own for an answer of several blocks, as one that asks for tools."""
    several = isinstance(answer["content"], list)
    return (types.CreateMessageResultWithTools if several else types.CreateMessageResult)(**answer)


class Asking:
    """Each method that does not begin with `_` is a feature, named by `FEATURES`."""

    async def _asked(self, asking, giving, questions, rounds=1, rpc="tools/call"):
        """What came of `asking`; it must have asked `questions`, by method, in so many rounds."""
        recorder = self.side.recorder
        before = len(recorder.posts(rpc))
        # Over HTTP+SSE everything the server says comes on the one stream of the conversation.
        conversation = recorder.of("GET")[0] if self.side.over == HTTP_SSE else None
        told = len(common.requests(conversation)) if conversation else 0
        self.side.answers.give(giving)
        result = await asking
        equal(sorted(method for method, _ in self.side.answers.asked), sorted(questions), "what was asked")
        posts = recorder.posts(rpc)[before:]
        if self.side.era == STATELESS:
            # Each round is a request of its own, which brings the answers of the one before.
            equal(len(posts), rounds + 1, "the requests")
            equal("inputResponses" in posts[0].message["params"], False, "answers before there are questions")
            given = [each.message["params"]["inputResponses"] for each in posts[1:]]
            equal(sum(len(each) for each in given), len(questions), "the answers")
            return result
        # The questions came while the one request ran: on its own stream, or on that of the conversation, and once.
        [post] = posts
        if conversation:
            equal(len(recorder.of("GET")), 1, "the conversation's streams")
            equal(post.chunks, [], "what came with the 202")
            equal(sorted(common.requests(conversation)[told:]), sorted(questions), "the requests on the stream")
        elif self.side.over == HTTP:
            equal(sorted(common.requests(post)), sorted(questions), "the requests on the call's stream")
        return result

    async def _told(self, tool, arguments, giving, questions, rounds=1):
        result = await self._asked(self.side.call(tool, arguments), giving, questions, rounds)
        true(not result.get("isError"), result)
        return common.text_of(result)

    async def elicit(self):
        account = {"username": "Zoë", "email": "zoe@example.com"}
        for answer, action, content in [
            (accept(**account), "accept", account),
            ({"action": "decline"}, "decline", {}),
            ({"action": "cancel"}, "cancel", {}),
        ]:
            told = await self._told("test_elicitation", {"message": "Who are you?"}, {ELICIT: answer}, [ELICIT])
            acted, content_told = told.removeprefix("User response: ").split(", content=")
            equal((acted, json.loads(content_told)), (f"action={action}", content))
            [(_, params)] = self.side.answers.asked
            equal(params["message"], "Who are you?")
            equal(sorted(params["requestedSchema"]["required"]), ["email", "username"])

    async def forms(self):
        profile = {"name": "Ada", "age": 36, "score": 1.5, "status": "inactive", "verified": False}
        tool = "test_elicitation_sep1034_defaults"
        told = await self._told(tool, {}, {ELICIT: accept(**profile)}, [ELICIT])
        equal(json.loads(told.split(", content=")[1]), profile)
        [(_, params)] = self.side.answers.asked
        defaults = {name: field["default"] for name, field in params["requestedSchema"]["properties"].items()}
        expected = {"name": "John Doe", "age": 30, "score": 95.5, "status": "active", "verified": True}
        equal(defaults, expected, "the defaults")
        choices = {
            "untitledSingle": "option2",
            "titledSingle": "value3",
            "legacyEnum": "opt1",
            "untitledMulti": ["option1", "option3"],
            "titledMulti": ["value2"],
        }
        tool = "test_elicitation_sep1330_enums"
        told = await self._told(tool, {}, {ELICIT: accept(**choices)}, [ELICIT])
        equal(json.loads(told.split(", content=")[1]), choices)
        [(_, params)] = self.side.answers.asked
        equal(params["requestedSchema"]["properties"].keys(), choices.keys(), "the fields")

    async def elicit_url(self):
        complete = "notifications/elicitation/complete"
        for action, told in [
            ("accept", "The user went there."),
            ("decline", "The user did not want to."),
            ("cancel", "The user did not say."),
        ]:
            before = len(self.side.inbox.of(complete))
            equal(await self._told("visit", {}, {ELICIT: {"action": action}}, [ELICIT]), told)
            [(_, params)] = self.side.answers.asked
            equal((params["mode"], params["url"]), ("url", "https://example.com/welcome"))
            # What the user did not go to comes to no end.
            if self.side.era != STATELESS and action == "accept":
                seen = await self.side.inbox.expect(complete, before + 1)
                equal(seen[-1]["params"]["elicitationId"], params["elicitationId"], "what has come to its end")

    async def sample(self):
        told = await self._told("test_sampling", {"prompt": "What is 6 times 7?"}, {SAMPLE: say("42")}, [SAMPLE])
        equal(told, "LLM response: 42")
        [(_, params)] = self.side.answers.asked
        equal(params["maxTokens"], 100)
        [message] = params["messages"]
        equal((message["role"], message["content"]["text"]), ("user", "What is 6 times 7?"))

    async def sample_tools(self):
        weather = {"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Oslo"}}

        def model(params):
            results = [block for block in blocks(params["messages"][-1]) if block["type"] == "tool_result"]
            if not results:
                return {**say(""), "content": [weather], "stopReason": "toolUse"}
            [result] = results
            return say(f"{result['content'][0]['text']} So it will.")

        asks = [SAMPLE, SAMPLE]
        told = await self._told("forecast", {"city": "Oslo"}, {SAMPLE: model}, asks, rounds=2)
        equal(told, "It rains in Oslo. So it will.")
        [(_, first), (_, second)] = self.side.answers.asked
        equal([tool["name"] for each in (first, second) for tool in each["tools"]], ["weather"] * 2, "the tools")
        equal([message["role"] for message in second["messages"]], ["user", "assistant", "user"], "who speaks")
        [[used], [result]] = [blocks(message) for message in second["messages"][1:]]
        equal((used["type"], used["input"], result["toolUseId"]), ("tool_use", {"city": "Oslo"}, "1"))

    async def roots(self):
        giving = {ROOTS: {"roots": [WORKSPACE, {"uri": "file:///tmp"}]}}
        told = await self._told("test_input_required_result_list_roots", {}, giving, [ROOTS])
        equal(told, "The client works in file:///workspace, file:///tmp.")

    async def joined(self):
        giving = {ELICIT: accept(name="Ada"), SAMPLE: say("Good day"), ROOTS: {"roots": [WORKSPACE]}}
        tool = "test_input_required_result_multiple_inputs"
        equal(await self._told(tool, {}, giving, [ELICIT, SAMPLE, ROOTS]), "Good day Ada! You have 1 roots.")

    async def rounds(self):
        def name(params):
            return accept(name={"Who is person 1?": "Ada", "Who is person 2?": "Grace"}[params["message"]])

        equal(await self._told("survey", {"people": 2}, {ELICIT: name}, [ELICIT, ELICIT], rounds=2), "Ada, Grace")

    async def prompt_asks(self):
        asking = self.side.prompt("test_input_required_result_prompt", {})
        giving = {ELICIT: accept(context="a test")}
        [message] = (await self._asked(asking, giving, [ELICIT], rpc="prompts/get"))["messages"]
        equal(message["content"]["text"], "Prompt with context: a test")

    async def withdrawn(self):
        answers = self.side.answers
        before = answers.withdrawn

        async def asked():
            return answers.asked

        async def over():
            return answers.withdrawn > before

        answers.give({ELICIT: lambda _: asyncio.sleep(60)})
        call = asyncio.create_task(self.side.call("test_elicitation", {"message": "Are you there?"}))
        await until(asked, "the question")
        await self.side.cancel(call, "test_elicitation")
        await until(over, "the end of the question")
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def unasked(self):
        # This connection offers nothing that could be asked.
        for tool, arguments, capability in [
            ("test_elicitation", {"message": "Who are you?"}, "elicitation"),
            ("test_sampling", {"prompt": "Who are you?"}, "sampling"),
            ("test_input_required_result_list_roots", {}, "roots"),
        ]:
            if self.side.era == STATELESS:
                error = await refused(self.paged, -32021, self.paged.call(tool, arguments))
                equal(error.data["requiredCapabilities"], {capability: {}}, "the error's data")
                continue
            result = await self.paged.call(tool, arguments)
            equal(result["isError"], True, "isError")
            true(f"`{capability}`" in common.text_of(result), result)
